import * as z from 'zod';
import { LeaseholdError } from '../platform/error.ts';
import { parseHostPort } from '../rpc/client/host-port.ts';

/** This broker among several that share a ledger. */
export interface ReplicaConfig {
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

/** The replica's keys of broker.yaml. */
export const replicaSchema = z
  .strictObject({
    advertise: z
      .strictObject({ workloads: hostPort.exactOptional(), nodes: hostPort.exactOptional() })
      .prefault({}),
  })
  .prefault({});
