import { Secret } from '../../platform/secret.ts';
import { LeaseholdError } from '../../platform/error.ts';
import type { FileSpec__Output } from '../gen/leasehold/v1/FileSpec.ts';
import type { Generation__Output } from '../gen/leasehold/v1/Generation.ts';
import type { HoldRequest } from '../gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse__Output } from '../gen/leasehold/v1/HoldResponse.ts';
import type { OutageMode__Output } from '../gen/leasehold/v1/OutageMode.ts';
import type { RevokeReason__Output } from '../gen/leasehold/v1/RevokeReason.ts';
import type {
  FileContent,
  FileSpec,
  GenerationEvent,
  HoldCommand,
  HoldEvent,
  OutagePolicy,
  RevokedReason,
} from './hold-messages.ts';
import { isErrorCode } from './status-error.ts';

export function toWire(command: HoldCommand): HoldRequest {
  switch (command.kind) {
    case 'hello':
      return { hello: { credential: command.credential.open(), agent: command.agent } };
    case 'open':
      return {
        open: {
          bundle: command.bundle,
          requestKey: command.requestKey,
          sessionId: command.resume?.session ?? '',
          generationId: command.resume?.generation ?? '',
        },
      };
    case 'delivered':
      return { delivered: { sessionId: command.session, generationId: command.generation } };
    case 'credential':
      return { credential: { credential: command.credential.open() } };
    case 'wiped':
      return { wiped: { sessionId: command.session } };
    case 'release':
      return { release: { sessionId: command.session } };
  }
}

/** Undefined for a kind of message that a newer broker sends and this holder does not know: it only grows. */
export function fromWire(response: HoldResponse__Output): HoldEvent | undefined {
  const { welcome, opened, generation, refused, revoked, degraded, recovered, credentialWanted, redirect } =
    response;
  if (welcome) {
    return {
      kind: 'welcome',
      spiffeId: welcome.spiffeId,
      workload: welcome.workload,
      credentialExpiresAt: welcome.credentialExpiresAtMs,
    };
  }
  if (opened) {
    return {
      kind: 'opened',
      bundle: opened.bundle,
      session: opened.sessionId,
      deadlineAt: opened.deadlineMs,
      outage: { mode: outageMode(opened.outageMode), afterSeconds: opened.outageAfterSeconds },
      resumed: opened.resumed,
      leased: opened.leased,
    };
  }
  if (generation) return generationEvent(generation);
  if (refused) {
    return {
      kind: 'refused',
      bundle: refused.bundle,
      code: isErrorCode(refused.code) ? refused.code : 'internal',
      retryAfterMs: refused.retryAfterMs,
    };
  }
  if (revoked) {
    return {
      kind: 'revoked',
      session: revoked.sessionId,
      reason: revokedReasons[revoked.reason],
      mayReopen: revoked.mayReopen,
    };
  }
  if (degraded) {
    return {
      kind: 'degraded',
      session: degraded.sessionId,
      code: isErrorCode(degraded.code) ? degraded.code : 'internal',
      since: degraded.sinceMs,
    };
  }
  if (recovered) return { kind: 'recovered', session: recovered.sessionId };
  if (credentialWanted) return { kind: 'credential_wanted', by: credentialWanted.byMs };
  if (redirect) {
    return {
      kind: 'redirect',
      bundle: redirect.bundle,
      session: redirect.sessionId,
      address: redirect.address,
      epoch: redirect.epoch,
    };
  }
  return undefined;
}

function generationEvent(message: Generation__Output): GenerationEvent {
  return {
    kind: 'generation',
    session: message.sessionId,
    generation: { id: message.generationId, number: message.number },
    secrets: message.secrets.map((secret) => ({
      name: secret.name,
      fields: secret.fields
        ? new Map(
            Object.entries(secret.fields.fields).map(([field, bytes]) => [field, Secret.ofBytes(bytes)]),
          )
        : undefined,
    })),
    files: message.files.map(fileSpec),
    previousUntil: message.previousUntilMs,
  };
}

function fileSpec(file: FileSpec__Output): FileSpec {
  return {
    path: file.path,
    mode: file.mode,
    content: fileContent(file),
    ...(file.uid === undefined ? {} : { uid: file.uid }),
    ...(file.gid === undefined ? {} : { gid: file.gid }),
  };
}

function fileContent(file: FileSpec__Output): FileContent {
  switch (file.format) {
    case 'FILE_FORMAT_RAW':
      return { format: 'raw', secret: file.secret, field: file.field };
    case 'FILE_FORMAT_JSON':
      return { format: 'json', secret: file.secret };
    case 'FILE_FORMAT_DOTENV':
      return { format: 'dotenv', secret: file.secret };
    case 'FILE_FORMAT_TEMPLATE':
      return { format: 'template', template: file.template };
    default:
      // A format of a newer broker cannot be guessed, and a file left out would be half a generation.
      throw new LeaseholdError('delivery_failed', { detail: 'a file has a format that is not known here' });
  }
}

/** An unknown mode is taken as the one that changes nothing for a running program. */
function outageMode(mode: OutageMode__Output): OutagePolicy['mode'] {
  switch (mode) {
    case 'OUTAGE_MODE_NOT_READY':
      return 'not_ready';
    case 'OUTAGE_MODE_WIPE':
      return 'wipe';
    default:
      return 'keep';
  }
}

const revokedReasons: Readonly<Record<RevokeReason__Output, RevokedReason>> = {
  REVOKE_REASON_UNSPECIFIED: 'unknown',
  REVOKE_REASON_ADMIN: 'admin',
  REVOKE_REASON_LOCKED: 'locked',
  REVOKE_REASON_WORKLOAD_ENDED: 'workload_ended',
  REVOKE_REASON_DEADLINE: 'deadline',
  REVOKE_REASON_RELEASED: 'released',
  REVOKE_REASON_LOST: 'lost',
  REVOKE_REASON_NOT_GRANTED: 'not_granted',
};
