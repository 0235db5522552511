import { z } from 'zod';

/*
 * The API server's own rules for names. A name that breaks them is refused and never normalised: it goes into workload
 * keys, SPIFFE ids and policy matches, where "/", "..", "%2f" or a look-alike letter would mean another workload.
 */
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';

export const namespaceName = z.string().regex(new RegExp(`^${label}$`));

/** Pods, service accounts and nodes: dot-separated labels, 253 characters in all. */
export const objectName = z
  .string()
  .max(253)
  .regex(new RegExp(`^${label}(?:\\.${label})*$`));

/** The API server makes every UID itself, as a lower-case UUID. */
export const objectUid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
