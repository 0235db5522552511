import { isErrorCode, LeaseholdError } from '../../platform/error.ts';
import { Secret } from '../../platform/secret.ts';
import type {
  FileContent,
  FileSpec,
  GenerationEvent,
  HoldCommand,
  HoldEvent,
  OutagePolicy,
  RevokedReason,
  RunFacts,
  SecretValue,
} from './hold-messages.ts';
import {
  bytesAt,
  flagAt,
  hasField,
  lengthField,
  messageAt,
  messageField,
  messagesAt,
  numberAt,
  readFields,
  textAt,
  textsAt,
  type Fields,
} from './protobuf.ts';

/**
 * HoldRequest and HoldResponse of `workload.proto`. Field numbers are written out here; a test compares every message
 * with what @grpc/proto-loader makes of the definition.
 */
export function encodeCommand(command: HoldCommand): Uint8Array {
  switch (command.kind) {
    case 'hello':
      return message(1, lengthField(1, command.credential.open()), lengthField(2, command.agent));
    case 'open':
      return message(
        2,
        lengthField(1, command.bundle),
        lengthField(2, command.requestKey),
        lengthField(3, command.resume?.session ?? ''),
        lengthField(4, command.resume?.generation ?? ''),
      );
    case 'delivered':
      return message(3, lengthField(1, command.session), lengthField(2, command.generation));
    case 'credential':
      return message(4, lengthField(1, command.credential.open()));
    case 'wiped':
      return message(5, lengthField(1, command.session));
    case 'release':
      return message(6, lengthField(1, command.session));
  }
}

function message(number: number, ...fields: readonly Uint8Array[]): Uint8Array {
  return messageField(number, Buffer.concat(fields));
}

/**
 * Undefined for a kind of message that a newer broker sends and this holder does not know: the interface only grows.
 * Throws `internal` for bytes that are no message, `delivery_failed` for a file format that is not known here.
 */
export function decodeEvent(bytes: Uint8Array): HoldEvent | undefined {
  const response = readFields(bytes);
  for (const [number, decode] of decoders) {
    const inner = messageAt(response, number);
    if (inner !== undefined) return decode(inner);
  }
  return undefined;
}

const decoders: ReadonlyMap<number, (fields: Fields) => HoldEvent> = new Map<
  number,
  (fields: Fields) => HoldEvent
>([
  [
    1,
    (fields) => {
      const run = messageAt(fields, 4);
      return {
        kind: 'welcome',
        spiffeId: textAt(fields, 1),
        workload: textAt(fields, 2),
        credentialExpiresAt: numberAt(fields, 3),
        ...(run === undefined ? {} : { run: runFacts(run) }),
      };
    },
  ],
  [
    2,
    (fields) => ({
      kind: 'opened',
      bundle: textAt(fields, 1),
      session: textAt(fields, 2),
      deadlineAt: numberAt(fields, 3),
      outage: { mode: outageMode(numberAt(fields, 4)), afterSeconds: numberAt(fields, 5) },
      resumed: flagAt(fields, 6),
      leased: flagAt(fields, 7),
    }),
  ],
  [3, generation],
  [
    4,
    (fields) => ({
      kind: 'refused',
      bundle: textAt(fields, 1),
      code: errorCode(textAt(fields, 2)),
      retryAfterMs: numberAt(fields, 4),
    }),
  ],
  [
    5,
    (fields) => ({
      kind: 'revoked',
      session: textAt(fields, 1),
      reason: revokedReasons[numberAt(fields, 2)] ?? 'unknown',
      mayReopen: flagAt(fields, 3),
    }),
  ],
  [
    6,
    (fields) => ({
      kind: 'degraded',
      session: textAt(fields, 1),
      code: errorCode(textAt(fields, 2)),
      since: numberAt(fields, 3),
    }),
  ],
  [7, (fields) => ({ kind: 'recovered', session: textAt(fields, 1) })],
  [8, (fields) => ({ kind: 'credential_wanted', by: numberAt(fields, 1) })],
  [
    9,
    (fields) => ({
      kind: 'redirect',
      bundle: textAt(fields, 1),
      session: textAt(fields, 2),
      address: textAt(fields, 3),
      epoch: numberAt(fields, 4),
    }),
  ],
]);

function runFacts(fields: Fields): RunFacts {
  return {
    bundles: textsAt(fields, 1),
    uid: numberAt(fields, 2),
    gid: numberAt(fields, 3),
    start: numberAt(fields, 4),
    restarts: numberAt(fields, 5),
  };
}

function generation(fields: Fields): GenerationEvent {
  return {
    kind: 'generation',
    session: textAt(fields, 1),
    generation: { id: textAt(fields, 2), number: numberAt(fields, 3) },
    secrets: messagesAt(fields, 4).map(secretValue),
    files: messagesAt(fields, 5).map(fileSpec),
    previousUntil: numberAt(fields, 6),
  };
}

function secretValue(fields: Fields): SecretValue {
  const values = messageAt(fields, 2);
  return {
    name: textAt(fields, 1),
    fields:
      values === undefined
        ? undefined
        : new Map(
            messagesAt(values, 1).map((entry) => [textAt(entry, 1), Secret.ofBytes(bytesAt(entry, 2))]),
          ),
  };
}

function fileSpec(fields: Fields): FileSpec {
  return {
    path: textAt(fields, 1),
    mode: numberAt(fields, 2),
    content: fileContent(fields),
    ...(hasField(fields, 7) ? { uid: numberAt(fields, 7) } : {}),
    ...(hasField(fields, 8) ? { gid: numberAt(fields, 8) } : {}),
  };
}

function fileContent(fields: Fields): FileContent {
  const secret = textAt(fields, 4);
  switch (numberAt(fields, 3)) {
    case 1:
      return { format: 'raw', secret, field: textAt(fields, 5) };
    case 2:
      return { format: 'json', secret };
    case 3:
      return { format: 'dotenv', secret };
    case 4:
      return { format: 'template', template: textAt(fields, 6) };
    default:
      // A format of a newer broker cannot be guessed, and a file left out would be half a generation.
      throw new LeaseholdError('delivery_failed', { detail: 'a file has a format that is not known here' });
  }
}

/** An unknown mode is taken as the one that changes nothing for a running program. */
function outageMode(value: number): OutagePolicy['mode'] {
  return value === 2 ? 'not_ready' : value === 3 ? 'wipe' : 'keep';
}

/** By enum value. */
const revokedReasons: readonly RevokedReason[] = [
  'unknown',
  'admin',
  'locked',
  'workload_ended',
  'deadline',
  'released',
  'lost',
  'not_granted',
];

function errorCode(text: string) {
  return isErrorCode(text) ? text : 'internal';
}
