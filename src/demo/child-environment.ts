/** What a program needs to run at all. Everything else of a person's shell could change what the demo shows. */
const passedOn = ['PATH', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ'] as const;

/**
 * The environment of every process that the demo starts: no VAULT_* that points at a real server, no NODE_OPTIONS or
 * GRPC_* that prints traffic, no LEASEHOLD_* and no home whose cli.yaml names another broker.
 */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Readonly<Record<string, string>> {
  const kept = passedOn.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), HOME: home };
}
