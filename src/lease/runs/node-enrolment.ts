import type { Audit } from '../../audit/audit.ts';
import { makeEnrolmentToken } from '../../identity/runs/enrolment-token.ts';
import { slurmName } from '../../identity/runs/slurm-name.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { LeaseholdError } from '../../platform/error.ts';
import type { Secret } from '../../platform/secret.ts';

/** How compute nodes get their certificates from the broker. */
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
}

const mostNodes = 4_096;
const ttlLimits = { least: 60, most: 604_800 };

export function createNodeEnrolment(options: {
  /** Names of the configured batch clusters. */
  readonly clusters: ReadonlySet<string>;
  readonly ledger: Pick<Ledger, 'addEnrolments'>;
  readonly audit: Audit;
  /** Milliseconds since the Unix epoch, the same for all brokers. */
  readonly now: () => number;
}): NodeEnrolment {
  const { clusters, ledger, audit, now } = options;
  return {
    makeTokens: async ({ cluster, nodes, ttlSeconds, by }) => {
      if (!clusters.has(cluster)) throw refuse('cluster: no batch cluster that is configured');
      if (nodes.length === 0 || nodes.length > mostNodes || new Set(nodes).size !== nodes.length)
        throw refuse(`nodes: 1 to ${mostNodes}, each once`);
      if (!nodes.every((node) => slurmName.test(node))) throw refuse('nodes: one is no name of a node');
      if (ttlSeconds < ttlLimits.least || ttlSeconds > ttlLimits.most)
        throw refuse(`ttl_seconds: ${ttlLimits.least} to ${ttlLimits.most}`);
      const at = now();
      const expiresAt = at + ttlSeconds * 1000;
      const made = nodes.map((node) => makeEnrolmentToken({ cluster, node }));
      await ledger.addEnrolments(
        made.map(({ node, hash }) => ({ cluster, node, token: hash, at, expiresAt })),
      );
      await Promise.all(
        made.map(({ node, hash }) =>
          audit.record({
            action: 'enrol_token',
            outcome: 'ok',
            actor: by,
            node: `${cluster}/${node}`,
            credentialId: hash.slice(0, 16),
          }),
        ),
      );
      return { tokens: made.map(({ node, token }) => ({ node, token })), expiresAt };
    },
  };
}

function refuse(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
