import type { Audit } from '../../audit/audit.ts';
import { makeEnrolmentToken } from '../../identity/runs/enrolment-token.ts';
import { slurmName } from '../../identity/runs/slurm-name.ts';
import type { KnownEnrolment, WithdrawOutcome } from '../../ledger/enrolments.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { enrolmentLimits } from '../../platform/enrolment-limits.ts';
import { type ErrorCode, LeaseholdError } from '../../platform/error.ts';
import type { Secret } from '../../platform/secret.ts';

/** What people do with the one-time tokens of compute nodes. Rights are the caller's to check, records are written here. */
export interface EnrolmentTokens {
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
  /** What is known of them, by cluster and node. Throws `ledger_*` or `audit_unavailable`. */
  listTokens(query: {
    readonly cluster: string | undefined;
    /** Only those that can still be used for the first time. */
    readonly unused: boolean;
    readonly pageSize: number;
    readonly after: NodeName | undefined;
    readonly by: string;
  }): Promise<readonly KnownToken[]>;
  /**
   * Of one node, or of all nodes of the cluster that have not used theirs; returns the nodes. Throws `enrolment_unknown`, `enrolment_used` or
   * `enrolment_expired` for one node with nothing to take back, `request_invalid` or `ledger_*`; goes on without its records, which are owed then.
   */
  withdrawTokens(request: {
    readonly cluster: string;
    /** Undefined: all. */
    readonly node: string | undefined;
    /** 1 to 500 characters. */
    readonly reason: string;
    readonly by: string;
  }): Promise<readonly string[]>;
}

export interface NodeName {
  readonly cluster: string;
  readonly node: string;
}

export type KnownToken = KnownEnrolment & { readonly state: 'unused' | 'spent' | 'expired' };

export interface EnrolmentTokensOptions {
  /** Names of the configured batch clusters. */
  readonly clusters: ReadonlySet<string>;
  readonly ledger: Pick<
    Ledger,
    'addEnrolments' | 'listEnrolments' | 'withdrawEnrolment' | 'withdrawEnrolmentsOf'
  >;
  readonly audit: Audit;
  /** Milliseconds since the Unix epoch, the same for all brokers. */
  readonly now: () => number;
}

const { mostNodes, leastSeconds, mostSeconds } = enrolmentLimits;

const refusals: Readonly<Record<Exclude<WithdrawOutcome['outcome'], 'withdrawn'>, ErrorCode>> = {
  unknown: 'enrolment_unknown',
  expired: 'enrolment_expired',
  spent: 'enrolment_used',
};

export function createEnrolmentTokens(options: EnrolmentTokensOptions): EnrolmentTokens {
  const { clusters, ledger, audit, now } = options;

  const requireCluster = (cluster: string) => {
    if (!clusters.has(cluster)) throw invalid('cluster: no batch cluster that is configured');
  };

  /** Taking back goes on without the record, which is owed then. */
  const withdrew = async (
    said: { readonly actor: string; readonly reason: string },
    cluster: string,
    nodes: readonly { readonly node: string; readonly token: string }[],
  ) => {
    const event = { action: 'enrol_token_withdraw', outcome: 'ok', ...said } as const;
    await Promise.all(
      nodes.map(({ node, token }) =>
        audit.recordAnyway({ ...event, node: `${cluster}/${node}`, credentialId: token.slice(0, 16) }),
      ),
    );
  };

  return {
    makeTokens: async ({ cluster, nodes, ttlSeconds, by }) => {
      requireCluster(cluster);
      if (nodes.length === 0 || nodes.length > mostNodes || new Set(nodes).size !== nodes.length)
        throw invalid(`nodes: 1 to ${mostNodes}, each once`);
      if (!nodes.every((node) => slurmName.test(node))) throw invalid('nodes: one is no name of a node');
      if (ttlSeconds < leastSeconds || ttlSeconds > mostSeconds)
        throw invalid(`ttl_seconds: ${leastSeconds} to ${mostSeconds}`);
      const at = now();
      const expiresAt = at + ttlSeconds * 1000;
      const made = nodes.map((node) => makeEnrolmentToken({ cluster, node }));
      await ledger.addEnrolments(
        made.map(({ node, hash }) => ({ cluster, node, token: hash, by, at, expiresAt })),
      );
      const event = { action: 'enrol_token', outcome: 'ok', actor: by } as const;
      await Promise.all(
        made.map(({ node, hash }) =>
          audit.record({ ...event, node: `${cluster}/${node}`, credentialId: hash.slice(0, 16) }),
        ),
      );
      return { tokens: made.map(({ node, token }) => ({ node, token })), expiresAt };
    },

    listTokens: async ({ cluster, unused, pageSize: limit, after, by }) => {
      const selector = cluster === undefined ? {} : { selector: JSON.stringify({ cluster }) };
      await audit.record({ action: 'admin_read', outcome: 'ok', actor: by, ...selector });
      const at = now();
      const known = await ledger.listEnrolments({
        ...(cluster === undefined ? {} : { cluster }),
        ...(unused ? { unusedAt: at } : {}),
        ...(after === undefined ? {} : { after }),
        limit,
      });
      return known.map((one) => ({ ...one, state: stateOf(one, at) }));
    },

    withdrawTokens: async ({ cluster, node, reason, by }) => {
      requireCluster(cluster);
      const [at, said] = [now(), { actor: by, reason }];
      if (node === undefined) {
        const withdrawn = await ledger.withdrawEnrolmentsOf({ cluster, at });
        await audit.recordAnyway({
          action: 'enrol_token_withdraw',
          outcome: 'ok',
          ...said,
          selector: JSON.stringify({ cluster }),
          count: withdrawn.length,
        });
        await withdrew(said, cluster, withdrawn);
        return withdrawn.map((one) => one.node);
      }
      if (!slurmName.test(node)) throw invalid('node: no name of a node');
      const judged = await ledger.withdrawEnrolment({ cluster, node, at });
      if (judged.outcome === 'withdrawn') {
        await withdrew(said, cluster, [{ node, token: judged.token }]);
        return [node];
      }
      const code = refusals[judged.outcome];
      const name = `${cluster}/${node}`;
      await audit.recordAnyway({
        action: 'enrol_token_withdraw',
        outcome: 'refused',
        code,
        ...said,
        node: name,
      });
      throw new LeaseholdError(code);
    },
  };
}

/** One that is spent stays that when its time is over: somebody has a certificate for it. */
function stateOf({ key, expiresAt }: KnownEnrolment, at: number): KnownToken['state'] {
  if (key !== undefined) return 'spent';
  return at >= expiresAt ? 'expired' : 'unused';
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
