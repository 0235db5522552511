import type { Bundle, SecretSource } from '../../policy/bundle.ts';
import type { Finding } from './finding.ts';
import type { Mount, OperatorView } from './operator-view.ts';

/** Looks at what stands behind each source of the bundles. */
export async function checkEngines(options: {
  readonly view: OperatorView;
  readonly bundles: readonly Bundle[];
  readonly probationSeconds: number;
  readonly allowLongLeases?: readonly string[];
}): Promise<readonly Finding[]> {
  const { view, probationSeconds, allowLongLeases = [] } = options;
  const sources = new Map(options.bundles.flatMap(({ secrets }) => secrets).map((each) => [each.path, each]));
  const mounts = await view.mounts();
  const findings: Finding[] = [];
  for (const source of [...sources.values()].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const severity = allowLongLeases.includes(source.path) ? 'warning' : 'error';
    const mount = mountOf(source.path, mounts);
    const problems =
      mount === undefined
        ? [`no engine is mounted here`]
        : source.kind === 'leased'
          ? await leasedProblems({ view, source, mount, probationSeconds })
          : staticProblems(source, mount);
    for (const problem of problems) findings.push({ severity, subject: source.path, problem });
  }
  return findings;
}

/** The longest mount path that the source's begins with. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter((mount) => path.startsWith(mount.path))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

function staticProblems(source: SecretSource, mount: Mount): readonly string[] {
  if (source.engine === 'read') return [];
  if (mount.type !== 'kv') return [`is configured as KV, and the engine is ${mount.type}`];
  const version = mount.version === '2' ? 'kv2' : 'kv1';
  return version === source.engine ? [] : [`is configured as ${source.engine}, and the engine is ${version}`];
}

/**
 * Of a database role: its first ttl, and whether the database itself ends what it made. Without that, a credential that a
 * cut read leaves behind has no end at all. Of other engines nothing is known here, so they count as unbounded.
 */
async function leasedProblems(options: {
  readonly view: OperatorView;
  readonly source: SecretSource;
  readonly mount: Mount;
  readonly probationSeconds: number;
}): Promise<readonly string[]> {
  const { view, source, mount, probationSeconds } = options;
  const rest = source.path.slice(mount.path.length);
  const name = /^creds\/([^/]+)$/.exec(rest)?.[1];
  if (mount.type !== 'database' || name === undefined)
    return [`unbounded: it is not known whether the engine ${mount.type} ends its credentials by itself`];
  const role = await view.read(`${mount.path}roles/${name}`);
  if (role === undefined) return ['the database role does not exist'];
  const problems: string[] = [];
  const ttl = role['default_ttl'];
  if (ttl === 0) problems.push(`default_ttl is not set; it must be at most ${probationSeconds} s`);
  else if (typeof ttl !== 'number' || ttl > probationSeconds)
    problems.push(`default_ttl is too long; it must be at most ${probationSeconds} s`);
  const statements = role['creation_statements'];
  if (!Array.isArray(statements) || !statements.join('\n').includes('{{expiration}}'))
    problems.push('unbounded: the creation statements set no {{expiration}} at the database');
  return problems;
}
