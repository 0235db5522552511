import { LeaseholdError } from '../../platform/error.ts';
import type { SecretSource } from '../../policy/bundle.ts';
import type { BackendSecret } from '../backend.ts';
import { secretFields } from '../secret-fields.ts';
import type { JudgedReply } from './vault-reply.ts';
import { anyRead, parseBody } from './vault-schemas.ts';

/**
 * True where a read can make something: it is sent once, and runs to its end. A plain `read` counts, since nothing tells
 * what stands behind its path.
 */
export function isDynamicRead(source: SecretSource): boolean {
  return source.kind === 'leased' || source.engine === 'read';
}

/**
 * The secret in a reply. Values become bytes here; the strings they are made of belong to the JavaScript engine and cannot
 * be overwritten, only dropped.
 */
export function secretFromReply(source: SecretSource, reply: JudgedReply): BackendSecret {
  const read = parseBody(anyRead, reply, 'read');
  const data = objectAt(reply.kind === 'body' ? reply.body : {}, 'data');
  const lease =
    read.lease_id === ''
      ? {}
      : {
          lease: { leaseId: read.lease_id, ttlSeconds: read.lease_duration, renewable: read.renewable },
        };
  if (source.engine !== 'kv2') return { fields: secretFields(data), ...lease, version: '' };
  const version: unknown = Reflect.get(objectAt(data, 'metadata'), 'version');
  if (typeof version !== 'number' || !Number.isInteger(version)) throw wrongShape();
  return { fields: secretFields(objectAt(data, 'data')), ...lease, version: String(version) };
}

function objectAt(parent: object, key: string): object {
  const found: unknown = Object.hasOwn(parent, key) ? Reflect.get(parent, key) : undefined;
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw wrongShape();
  return found;
}

function wrongShape(): LeaseholdError {
  return new LeaseholdError('backend_reply_invalid', { detail: 'read: not the promised shape' });
}
