import { bundleName } from '../platform/bundle-name.ts';
import { LeaseholdError } from '../platform/error.ts';
import { errorMessages } from '../platform/error.ts';
import type { FileLayout } from '../policy/bundle.ts';
import type { HolderMessage, OpenRequest, RevokedReason } from '../lease/sessions.ts';
import type { FileSpec } from './gen/leasehold/v1/FileSpec.ts';
import type { HoldRequest__Output } from './gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse } from './gen/leasehold/v1/HoldResponse.ts';
import type { RevokeReason } from './gen/leasehold/v1/RevokeReason.ts';

/** A holder's message, checked. */
export type HolderRequest =
  | { readonly kind: 'hello'; readonly credential: Uint8Array; readonly agent: string }
  | ({ readonly kind: 'open' } & OpenRequest)
  | { readonly kind: 'delivered'; readonly session: string; readonly generation: string }
  | { readonly kind: 'credential'; readonly credential: Uint8Array }
  | { readonly kind: 'wiped'; readonly session: string }
  | { readonly kind: 'release'; readonly session: string };

const requestKey = /^[A-Za-z0-9_-]{16,64}$/;
const id = /^[a-z]{3}_[a-z0-9]{26}$/;
const longestAgent = 64;

/** Throws `request_invalid`, naming the field and never its value. */
export function parseHoldRequest(request: HoldRequest__Output): HolderRequest {
  switch (request.message) {
    case 'hello': {
      const { credential = Buffer.alloc(0), agent = '' } = request.hello ?? {};
      // For logs only, so anything that could write into one is dropped instead of refused.
      return { kind: 'hello', credential, agent: agent.replace(/[^\x20-\x7e]/g, '').slice(0, longestAgent) };
    }
    case 'open': {
      const open = request.open;
      const session = open?.sessionId ?? '';
      const generation = open?.generationId ?? '';
      return {
        kind: 'open',
        bundle: field('bundle', open?.bundle, bundleName),
        requestKey: field('request_key', open?.requestKey, requestKey),
        resume:
          session === '' || generation === ''
            ? undefined
            : {
                session: field('session_id', session, id),
                generation: field('generation_id', generation, id),
              },
      };
    }
    case 'delivered':
      return {
        kind: 'delivered',
        session: field('session_id', request.delivered?.sessionId, id),
        generation: field('generation_id', request.delivered?.generationId, id),
      };
    case 'credential':
      return { kind: 'credential', credential: request.credential?.credential ?? Buffer.alloc(0) };
    case 'wiped':
      return { kind: 'wiped', session: field('session_id', request.wiped?.sessionId, id) };
    case 'release':
      return { kind: 'release', session: field('session_id', request.release?.sessionId, id) };
    default:
      throw new LeaseholdError('request_invalid', {
        detail: 'message: a kind this broker knows is required',
      });
  }
}

function field(name: string, value: string | undefined, rule: RegExp): string {
  if (value === undefined || !rule.test(value))
    throw new LeaseholdError('request_invalid', { detail: `${name}: does not match its rule` });
  return value;
}

/** The only place where secret values are opened on their way out. */
export function toHoldResponse(
  message: Exclude<HolderMessage, { kind: 'taken_over' | 'sent_away' }>,
): HoldResponse {
  switch (message.kind) {
    case 'opened':
      return {
        opened: {
          bundle: message.bundle.name,
          sessionId: message.session,
          deadlineMs: message.deadlineAt,
          outageMode: outageModes[message.bundle.outage.mode],
          outageAfterSeconds: message.bundle.outage.afterSeconds,
          resumed: message.resumed,
          leased: message.leased,
        },
      };
    case 'generation':
      return {
        generation: {
          sessionId: message.session,
          generationId: message.generation.id,
          number: message.generation.number,
          previousUntilMs: message.previousUntil,
          secrets: message.secrets.map(({ name, fields }) => ({
            name,
            ...(fields === undefined
              ? { unchanged: true }
              : {
                  fields: {
                    fields: Object.fromEntries(
                      // A copy: the broker overwrites its own once every holder has it, and this may wait for a slow reader.
                      [...fields].map(([key, secret]) => [key, Buffer.from(secret.open())]),
                    ),
                  },
                }),
          })),
          files: message.files.map(toFileSpec),
        },
      };
    case 'refused':
      return {
        refused: {
          bundle: message.bundle,
          code: message.code,
          message: errorMessages[message.code],
          retryAfterMs: Math.max(0, Math.ceil(message.retryAfterMs)),
        },
      };
    case 'revoked':
      return {
        revoked: {
          sessionId: message.session,
          reason: revokeReasons[message.reason],
          mayReopen: message.mayReopen,
        },
      };
    case 'degraded':
      return {
        degraded: { sessionId: message.session, code: message.code, sinceMs: Math.round(message.since) },
      };
    case 'recovered':
      return { recovered: { sessionId: message.session } };
    case 'credential_wanted':
      return { credentialWanted: { byMs: Math.round(message.by) } };
    case 'redirect':
      return {
        redirect: {
          bundle: message.bundle,
          sessionId: message.session,
          address: message.address,
          epoch: message.epoch,
        },
      };
  }
}

const outageModes = {
  keep: 'OUTAGE_MODE_KEEP',
  not_ready: 'OUTAGE_MODE_NOT_READY',
  wipe: 'OUTAGE_MODE_WIPE',
} as const;

const revokeReasons: Readonly<Record<RevokedReason, RevokeReason>> = {
  admin: 'REVOKE_REASON_ADMIN',
  locked: 'REVOKE_REASON_LOCKED',
  workload_ended: 'REVOKE_REASON_WORKLOAD_ENDED',
  deadline: 'REVOKE_REASON_DEADLINE',
  released: 'REVOKE_REASON_RELEASED',
  lost: 'REVOKE_REASON_LOST',
  not_granted: 'REVOKE_REASON_NOT_GRANTED',
};

function toFileSpec(file: FileLayout): FileSpec {
  const { content } = file;
  return {
    path: file.path,
    mode: file.mode,
    ...(file.uid === undefined ? {} : { uid: file.uid }),
    ...(file.gid === undefined ? {} : { gid: file.gid }),
    ...(content.format === 'raw'
      ? { format: 'FILE_FORMAT_RAW', secret: content.secret, field: content.field }
      : content.format === 'json'
        ? { format: 'FILE_FORMAT_JSON', secret: content.secret }
        : content.format === 'dotenv'
          ? { format: 'FILE_FORMAT_DOTENV', secret: content.secret }
          : { format: 'FILE_FORMAT_TEMPLATE', template: content.template }),
  };
}
