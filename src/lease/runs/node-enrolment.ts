import type { Audit, AuditEvent } from '../../audit/audit.ts';
import type { CertificateSigner } from '../../backend/certificate-signer.ts';
import { makeEnrolmentToken, parseEnrolmentToken } from '../../identity/runs/enrolment-token.ts';
import type { KnownRuns } from '../../identity/runs/run-verifier.ts';
import {
  nodeUri,
  publicKeyDigest,
  type SlurmCertificate,
  slurmName,
  slurmNameOf,
} from '../../identity/runs/slurm-name.ts';
import type { EnrolmentOutcome } from '../../ledger/enrolments.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type CertificateRequest, parseCertificateRequest } from '../../platform/certificate-request.ts';
import { enrolmentLimits } from '../../platform/enrolment-limits.ts';
import { type ErrorCode, LeaseholdError } from '../../platform/error.ts';
import type { Log } from '../../platform/log.ts';
import type { Secret } from '../../platform/secret.ts';
import { createPace } from './pace.ts';
import { checkNodeCertificate, type NodeCertificate } from './node-certificate.ts';

/** How compute nodes get their certificates from the broker. Every refusal is on record, those of strangers within their budget. */
export interface NodeEnrolment {
  /**
   * A token for each node, in their order. They are on record, and in the ledger by their hashes, before anybody has them. Throws `request_invalid`,
   * `ledger_*` or `audit_unavailable`.
   */
  makeTokens(request: {
    readonly cluster: string;
    readonly nodes: readonly string[];
    readonly ttlSeconds: number;
    /** `admin:<name>` */
    readonly by: string;
  }): Promise<{
    readonly tokens: readonly { readonly node: string; readonly token: Secret }[];
    readonly expiresAt: number;
  }>;
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

export interface NodeEnrolmentOptions {
  /** Names of the configured batch clusters. */
  readonly clusters: ReadonlySet<string>;
  readonly trustDomain: string;
  readonly authority: {
    readonly mount: string;
    readonly role: string;
    readonly certificateSeconds: number;
  };
  readonly signer: CertificateSigner;
  readonly ledger: Pick<Ledger, 'addEnrolments' | 'spendEnrolment'>;
  readonly admitNode: KnownRuns['admitNode'];
  readonly audit: Audit;
  readonly log: Log;
  /** Milliseconds since the Unix epoch, the same for all brokers. */
  readonly now: () => number;
}

interface Node {
  readonly cluster: string;
  readonly node: string;
}

const { mostNodes, leastSeconds, mostSeconds } = enrolmentLimits;
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

  const makeTokens: NodeEnrolment['makeTokens'] = async ({ cluster, nodes, ttlSeconds, by }) => {
    if (!clusters.has(cluster)) throw invalid('cluster: no batch cluster that is configured');
    if (nodes.length === 0 || nodes.length > mostNodes || new Set(nodes).size !== nodes.length)
      throw invalid(`nodes: 1 to ${mostNodes}, each once`);
    if (!nodes.every((node) => slurmName.test(node))) throw invalid('nodes: one is no name of a node');
    if (ttlSeconds < leastSeconds || ttlSeconds > mostSeconds)
      throw invalid(`ttl_seconds: ${leastSeconds} to ${mostSeconds}`);
    const at = now();
    const expiresAt = at + ttlSeconds * 1000;
    const made = nodes.map((node) => makeEnrolmentToken({ cluster, node }));
    await ledger.addEnrolments(made.map(({ node, hash }) => ({ cluster, node, token: hash, at, expiresAt })));
    const event = { action: 'enrol_token', outcome: 'ok', actor: by } as const;
    await Promise.all(
      made.map(({ node, hash }) =>
        audit.record({ ...event, node: `${cluster}/${node}`, credentialId: hash.slice(0, 16) }),
      ),
    );
    return { tokens: made.map(({ node, token }) => ({ node, token })), expiresAt };
  };

  /** Throws what the token is not good for. */
  const spend = async (token: Uint8Array, key: string, proved: (node: Node) => void): Promise<Node> => {
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
    proved: (node: Node) => void,
  ): Promise<Node> => {
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
    { cluster, node }: Node,
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
    prove: (request: CertificateRequest, proved: (node: Node) => void) => Promise<Node>,
  ): Promise<NodeCertificate> => {
    let who: Pick<AuditEvent, 'peer' | 'node' | 'actor'> = { peer: caller.peer };
    const proved = ({ cluster, node }: Node) => {
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
    makeTokens,
    enrol: ({ token, ...caller }) => serve(caller, ({ key }, proved) => spend(token, key, proved)),
    renew: ({ certificate, ...caller }) =>
      serve(caller, (request, proved) => admit(certificate, request, proved)),
  };
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
