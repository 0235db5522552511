import type { Secret } from '../platform/secret.ts';

/** Secret name to field name to bytes. */
export type SecretFields = ReadonlyMap<string, ReadonlyMap<string, Secret>>;

/**
 * Values of leased secrets, kept only while some holder of the session has not acknowledged the generation they belong to.
 * Nothing else in the broker holds leased values.
 */
export interface OwnedValues {
  keep(session: string, generation: string, fields: SecretFields): void;
  /** Undefined when the values are gone: then only new credentials can be delivered. */
  get(session: string, generation: string): SecretFields | undefined;
  /** All holders have them. Overwrites the bytes. */
  delivered(session: string, generation: string): void;
  has(session: string): boolean;
  /** Like `delivered`, whatever the generation: they are of no more use here. */
  letGo(session: string): void;
  sessions(): readonly string[];
  /** The session ends. A message with these bytes may still be on its way out, so they are let go, not overwritten. */
  forget(session: string): void;
  size(): number;
}

export function createOwnedValues(): OwnedValues {
  const owned = new Map<string, { readonly generation: string; readonly fields: SecretFields }>();
  const letGo = (session: string): void => {
    const entry = owned.get(session);
    owned.delete(session);
    for (const fields of entry?.fields.values() ?? []) for (const secret of fields.values()) secret.wipe();
  };
  return {
    keep: (session, generation, fields) => void owned.set(session, { generation, fields }),
    get: (session, generation) => {
      const entry = owned.get(session);
      return entry?.generation === generation ? entry.fields : undefined;
    },
    delivered: (session, generation) => {
      if (owned.get(session)?.generation === generation) letGo(session);
    },
    has: (session) => owned.has(session),
    letGo,
    sessions: () => [...owned.keys()],
    forget: (session) => void owned.delete(session),
    size: () => owned.size,
  };
}
