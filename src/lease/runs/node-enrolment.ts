import type { AuditEvent } from '../../audit/audit.ts';
import type { CertificateSigner } from '../../backend/certificate-signer.ts';
import { parseEnrolmentToken } from '../../identity/runs/enrolment-token.ts';
import type { KnownRuns } from '../../identity/runs/run-verifier.ts';
import {
  nodeUri,
  publicKeyDigest,
  type SlurmCertificate,
  slurmNameOf,
} from '../../identity/runs/slurm-name.ts';
import type { EnrolmentOutcome } from '../../ledger/enrolments.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type CertificateRequest, parseCertificateRequest } from '../../platform/certificate-request.ts';
import { type ErrorCode, LeaseholdError } from '../../platform/error.ts';
import type { Log } from '../../platform/log.ts';
import {
  createEnrolmentTokens,
  type EnrolmentTokens,
  type EnrolmentTokensOptions,
  type NodeName,
} from './enrolment-tokens.ts';
import { createPace } from './pace.ts';
import { checkNodeCertificate, type NodeCertificate } from './node-certificate.ts';

/** How compute nodes get their certificates from the broker. Every refusal is on record, those of strangers within their budget. */
export interface NodeEnrolment extends EnrolmentTokens {
  /** For a token: the first key that shows it is the node's. Throws `enrolment_*`, `request_invalid`, `ledger_*`, `backend_*` or `audit_unavailable`. */
  enrol(caller: {
    readonly token: Uint8Array;
    /** See `parseCertificateRequest`. */
    readonly request: Uint8Array;
    readonly peer: string;
    readonly signal: AbortSignal;
  }): Promise<NodeCertificate>;
  /**
   * For a certificate that the node has, of the same key: a lost answer costs nothing, and no renewal moves a node to another key. Throws as `enrol`,
   * `credential_*` or `node_other_key`.
   */
  renew(caller: {
    /** As TLS has verified it. */
    readonly certificate: SlurmCertificate | undefined;
    readonly request: Uint8Array;
    readonly peer: string;
    readonly signal: AbortSignal;
  }): Promise<NodeCertificate>;
}

export interface NodeEnrolmentOptions extends EnrolmentTokensOptions {
  readonly trustDomain: string;
  readonly authority: {
    readonly mount: string;
    readonly role: string;
    readonly certificateSeconds: number;
  };
  readonly signer: CertificateSigner;
  readonly ledger: EnrolmentTokensOptions['ledger'] & Pick<Ledger, 'spendEnrolment'>;
  readonly admitNode: KnownRuns['admitNode'];
  readonly log: Log;
}

/** Of a certificate's life. A node that asks without end must not fill the audit log. */
const earliestRenewal = 1 / 3;
/** Between two certificates of one node, whatever it shows: each is a record. */
const everyMs = 3_000;

const refusals: Readonly<Record<Exclude<EnrolmentOutcome, 'spent' | 'again'>, ErrorCode>> = {
  unknown: 'enrolment_refused',
  expired: 'enrolment_expired',
  other_key: 'enrolment_spent',
};

export function createNodeEnrolment(options: NodeEnrolmentOptions): NodeEnrolment {
  const { clusters, trustDomain, ledger, audit, log, now } = options;
  const pace = createPace({ everyMs, now });

  /** Throws what the token is not good for. */
  const spend = async (
    token: Uint8Array,
    key: string,
    proved: (node: NodeName) => void,
  ): Promise<NodeName> => {
    const claim = parseEnrolmentToken(token);
    if (claim === undefined || !clusters.has(claim.cluster)) throw new LeaseholdError('enrolment_refused');
    const { cluster, node, hash } = claim;
    const outcome = await ledger.spendEnrolment({ cluster, node, token: hash, key, at: now() });
    if (outcome !== 'unknown') proved(claim);
    if (outcome === 'spent' || outcome === 'again') return claim;
    if (outcome === 'other_key') log.error('a spent enrolment token was shown with another key', { node });
    throw new LeaseholdError(refusals[outcome]);
  };

  const admit = async (
    certificate: SlurmCertificate | undefined,
    { key }: CertificateRequest,
    proved: (node: NodeName) => void,
  ): Promise<NodeName> => {
    const name = slurmNameOf(certificate, trustDomain);
    if (certificate === undefined || name?.kind !== 'node' || !clusters.has(name.cluster))
      throw new LeaseholdError('credential_unknown_issuer');
    proved(name);
    const { cluster, node } = name;
    const [notBefore, notAfter] = [Date.parse(certificate.valid_from), Date.parse(certificate.valid_to)];
    if (notAfter <= now()) throw new LeaseholdError('credential_expired');
    if (publicKeyDigest(certificate) !== key || !(await options.admitNode({ cluster, node, key, notBefore })))
      throw new LeaseholdError('node_other_key');
    if (now() < notBefore + (notAfter - notBefore) * earliestRenewal)
      throw invalid('the certificate is too new to be renewed');
    return name;
  };

  const certify = async (
    { cluster, node }: NodeName,
    { publicKey, pem }: CertificateRequest,
    signal: AbortSignal,
  ): Promise<NodeCertificate> => {
    const giveBack = pace.take(`${cluster}/${node}`);
    const { mount, role, certificateSeconds: ttlSeconds } = options.authority;
    const uri = nodeUri(trustDomain, { cluster, node });
    try {
      const asked = { mount, role, request: pem, uri, ttlSeconds, signal };
      const signed = await options.signer.signCertificate(asked);
      return checkNodeCertificate(signed, { publicKey, uri, latestEnd: now() + ttlSeconds * 1000 });
    } catch (error) {
      giveBack();
      throw error;
    }
  };

  /** Nobody has the certificate before it is on record. */
  const serve = async (
    caller: { readonly request: Uint8Array; readonly peer: string; readonly signal: AbortSignal },
    prove: (request: CertificateRequest, proved: (node: NodeName) => void) => Promise<NodeName>,
  ): Promise<NodeCertificate> => {
    let who: Pick<AuditEvent, 'peer' | 'node' | 'actor'> = { peer: caller.peer };
    const proved = ({ cluster, node }: NodeName) => {
      who = { node: `${cluster}/${node}`, actor: nodeUri(trustDomain, { cluster, node }) };
    };
    let made: NodeCertificate;
    let key: string;
    try {
      const request = parseCertificateRequest(caller.request);
      key = request.key;
      made = await certify(await prove(request, proved), request, caller.signal);
    } catch (error) {
      const { code } = LeaseholdError.from(error);
      const outcome = /^(backend|ledger|internal)/.test(code) ? 'failed' : 'refused';
      await audit.recordStranger({ action: 'enrol', outcome, code, ...who });
      throw error;
    }
    await audit.record({ action: 'enrol', outcome: 'ok', ...who, credentialId: key.slice(0, 16) });
    return made;
  };

  return {
    ...createEnrolmentTokens(options),
    enrol: ({ token, ...caller }) => serve(caller, ({ key }, proved) => spend(token, key, proved)),
    renew: ({ certificate, ...caller }) =>
      serve(caller, (request, proved) => admit(certificate, request, proved)),
  };
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
