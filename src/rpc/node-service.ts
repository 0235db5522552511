import type { NodeCertificate } from '../lease/runs/node-certificate.ts';
import type { NodeEnrolment } from '../lease/runs/node-enrolment.ts';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { CertifyRequest__Output } from './gen/leasehold/v1/CertifyRequest.ts';
import type { CallContext, Handlers } from './handler.ts';
import { loadNodeApi } from './proto.ts';
import { createTurns } from './turns.ts';

export interface NodeServiceOptions {
  /** What a caller proves itself with here. */
  readonly proof: 'token' | 'certificate';
  /** Undefined where nodes get their certificates elsewhere. */
  readonly enrolment?: NodeEnrolment;
  readonly clock: Clock;
}

/** At the ledger and the authority at the same time; others wait their turn. Callers have proved nothing when it begins. */
const concurrency = 16;
const longestMs = 30_000;

export function addNodeService(handlers: Handlers, options: NodeServiceOptions): void {
  const { enrolment, proof, clock } = options;
  const turns = createTurns({ concurrency, clock });

  const certify = (
    { token, request }: CertifyRequest__Output,
    { peer, certificate }: CallContext,
    signal: AbortSignal,
  ): Promise<NodeCertificate> => {
    if (enrolment === undefined) throw new LeaseholdError('enrolment_off');
    if (proof === 'token') return enrolment.enrol({ token, request, peer, signal });
    if (token.byteLength > 0)
      throw new LeaseholdError('request_invalid', { detail: 'token: not on this listener' });
    return enrolment.renew({ certificate, request, peer, signal });
  };

  handlers.unary(loadNodeApi().leasehold.v1.NodeService.service.Certify, async (request, context) => {
    const limited = new AbortController();
    const cancel = clock.after(longestMs, () => limited.abort());
    const signal = AbortSignal.any([context.signal, limited.signal]);
    try {
      const { chain, expiresAt } = await turns.run(() => certify(request, context, signal), signal);
      return { certificates: Buffer.from(chain), expiresAtMs: Math.round(expiresAt) };
    } finally {
      cancel();
      request.token.fill(0);
    }
  });
}
