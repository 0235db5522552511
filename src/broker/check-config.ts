import { canaryTargets } from '../lease/canary/canary.ts';
import { formatDuration } from '../platform/duration.ts';
import { LeaseholdError } from '../platform/error.ts';
import { readSmallFile } from '../platform/small-file.ts';
import type { Policy } from '../policy/grant.ts';
import { parsePolicy, policyRevision } from '../policy/policy-file.ts';
import { readBrokerConfig } from './config.ts';
import type { BrokerConfig } from './config.ts';
import { brokenFiles } from './config-files.ts';
import { describeLedger } from './config-ledger.ts';
import { formatListen } from './config-values.ts';
import { refuseHostileEnvironment } from './environment.ts';

export interface ConfigCheck {
  /** One line each; empty when the broker would start as far as its files say. */
  readonly problems: readonly string[];
  /** What is configured, for people. Empty when there are problems. */
  readonly summary: readonly string[];
}

/**
 * For `leasehold broker --check`: the environment, broker.yaml, the files it names, and the policy, with all their problems
 * at once. Never throws.
 */
export async function checkBrokerConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<ConfigCheck> {
  const { problems, summary } = await checkFiles(file);
  const all = [...environmentProblems(env), ...problems];
  return { problems: all, summary: all.length === 0 ? summary : [] };
}

/** What the broker would refuse to start with, wherever its files are good. */
function environmentProblems(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  try {
    refuseHostileEnvironment(env);
    return [];
  } catch (error) {
    return linesOf(error);
  }
}

async function checkFiles(file: string): Promise<ConfigCheck> {
  try {
    const outcome = await readBrokerConfig(file);
    if (!outcome.ok) return { problems: outcome.problems, summary: [] };
    const config = outcome.value;
    const files = await brokenFiles(config);
    // Said once is enough: a policy that cannot be read is among the files.
    const isPolicyBroken = files.some((line) => line.startsWith('policy.file:'));
    const policy = isPolicyBroken ? { problems: [] } : await readPolicy(config.policy.file);
    const problems = [
      ...files,
      ...policy.problems,
      ...('policy' in policy ? strayCanaries(config, policy.policy) : []),
    ];
    if (problems.length > 0 || !('policy' in policy)) return { problems, summary: [] };
    return { problems, summary: describe(config, policy) };
  } catch (error) {
    return { problems: linesOf(error), summary: [] };
  }
}

/** The broker starts with these, since the policy may get them later; asked now, they are a mistake. */
function strayCanaries({ backend }: BrokerConfig, { bundles }: Policy): readonly string[] {
  const paths = backend.canary?.paths ?? [];
  const known = new Set(canaryTargets([...bundles.values()], { paths }).map(({ path }) => path));
  return paths.flatMap((path, index) =>
    known.has(path) ? [] : [`backend.canary.paths[${index}]: no bundle of the policy leases from this path`],
  );
}

type PolicyCheck =
  | { readonly problems: readonly string[] }
  | { readonly problems: readonly []; readonly policy: Policy; readonly revision: string };

async function readPolicy(file: string): Promise<PolicyCheck> {
  try {
    const text = (await readSmallFile(file, { maxBytes: 1_048_576 })).toString('utf8');
    return { problems: [], policy: parsePolicy(text), revision: policyRevision(text) };
  } catch (error) {
    return { problems: linesOf(error).map((line) => `policy: ${line}`) };
  }
}

function linesOf(error: unknown): readonly string[] {
  const { message, detail } = LeaseholdError.from(error);
  return (detail ?? message).split('\n');
}

function describe(
  config: BrokerConfig,
  { policy, revision }: { readonly policy: Policy; readonly revision: string },
): readonly string[] {
  return [
    `workloads on ${formatListen(config.workloads.listen)}, admin on ${formatListen(config.admin.listen)}, http on ${formatListen(config.http.listen)}`,
    `clusters: ${config.clusters.map(({ name }) => name).join(', ')}`,
    `backend: vault at ${config.backend.vault.address}`,
    describeLedger(config.ledger),
    ...describeCanaries(config, policy),
    `policy ${revision}: ${policy.bundles.size} bundles, ${policy.grants.length} grants`,
  ];
}

function describeCanaries({ backend }: BrokerConfig, { bundles }: Policy): readonly string[] {
  const { canary } = backend;
  if (canary === undefined) return [];
  const paths = canaryTargets([...bundles.values()], canary).length;
  return [`canaries: one every ${formatDuration(canary.intervalSeconds)} at each of ${paths} paths`];
}
