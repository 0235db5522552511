import { hostname } from 'node:os';
import * as z from 'zod';
import { LeaseholdError } from '../platform/error.ts';
import { parseHostPort } from '../rpc/client/host-port.ts';

/** This broker among several that share a ledger. */
export interface ReplicaConfig {
  /** The same in every life of this broker, and of no other. */
  readonly name: string;
  /** host:port at which holders reach this broker and no other. Redirects lead there. */
  readonly advertise: { readonly workloads?: string; readonly nodes?: string };
}

const hostPort = z
  .string()
  .max(300)
  .superRefine((text, context) => {
    try {
      parseHostPort(text);
    } catch (error) {
      context.addIssue(LeaseholdError.from(error).detail ?? 'must be host:port');
    }
  });

const name = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, {
  error: 'must be 1 to 63 letters, digits, ., _ and -, first and last a letter or digit',
});

/** The replica's keys of broker.yaml. */
export const replicaSchema = z
  .strictObject({
    name: name.exactOptional(),
    advertise: z
      .strictObject({ workloads: hostPort.exactOptional(), nodes: hostPort.exactOptional() })
      .prefault({}),
  })
  .prefault({})
  .transform((raw): ReplicaConfig => ({ ...raw, name: raw.name ?? nameOfHost() }));

/** A stable name wherever hosts have one: a machine, or a pod of a stateful set. */
function nameOfHost(): string {
  const { success, data } = name.safeParse(hostname().slice(0, 63));
  return success ? data : 'broker';
}
