import { setupDocument } from '../backend/setup/setup-document.ts';
import { longestProbationSeconds } from '../backend/vault/vault-config.ts';
import { LeaseholdError } from '../platform/error.ts';
import { parsePolicy } from '../policy/policy-file.ts';
import type { Login } from './observe.ts';
import { mountDatabaseEngine } from './parts/database-engine.ts';
import { type Environment, findVault } from './parts/find-program.ts';
import { textAt } from './parts/json.ts';
import { findPostgres } from './parts/postgres-programs.ts';
import { startPostgres } from './parts/postgres.ts';
import { type OwnVault, startDevelopmentVault } from './parts/vault.ts';
import { demoApiSecret } from './policy.ts';

/** A Vault or OpenBao with a PostgreSQL behind it, both of the demo's own. */
export interface RealBackend extends AsyncDisposable {
  readonly address: string;
  /** The broker's token: it has the printed policy and no other. */
  readonly token: string;
  /** host:port */
  readonly database: string;
  /** Names of what `leasehold setup print` prints and an operator would write. */
  readonly policies: readonly string[];
  readonly tokenRoles: readonly string[];
  canLogin(login: Login): Promise<boolean>;
  /** Database accounts that exist now, made by the backend. */
  accounts(): Promise<readonly string[]>;
}

const brokerPolicyName = 'leasehold-broker';

/** Where the broker's own policy and the demo's policy.yaml lead to. */
const apiSecretPath = 'secret/data/api';

/** Starts both and sets them up as an operator would. Throws `config_invalid` naming what the machine lacks and how to get it. */
export async function startRealBackend(options: {
  readonly env: Environment;
  /** Whose bundles it is set up for. */
  readonly policy: string;
  readonly signal: AbortSignal;
}): Promise<RealBackend> {
  const vaultProgram = findVault(options.env);
  const postgresPrograms = findPostgres();
  const missing = [vaultProgram, postgresPrograms].flatMap((found) =>
    'missing' in found ? [found.missing] : [],
  );
  if ('missing' in vaultProgram || missing.length > 0)
    throw new LeaseholdError('config_invalid', { detail: missing.join('; ') });
  const goOn = () => {
    if (options.signal.aborted) throw new LeaseholdError('cancelled');
  };
  await using starting = new AsyncDisposableStack();
  try {
    const postgres = starting.use(await startPostgres());
    goOn();
    // Stopped first: it would try to revoke at a database that is gone.
    const vault = starting.use(await startDevelopmentVault({ program: vaultProgram.path }));
    goOn();
    const { host, port } = postgres.connection;
    await mountDatabaseEngine(vault, postgres.connection, {
      defaultTtl: `${longestProbationSeconds}s`,
      maxTtl: '24h',
    });
    await vault.call('POST', apiSecretPath, { data: demoApiSecret });
    const written = await writeSetup(vault, options.policy);
    const owned = starting.move();
    return {
      address: vault.address,
      database: `${host}:${port}`,
      ...written,
      canLogin: ({ username, password }) => postgres.canLogin(username, password),
      accounts: async () =>
        (await postgres.query(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY rolname`)).map(
          ({ rolname }) => String(rolname),
        ),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    if (error instanceof LeaseholdError) throw error;
    // Our own words about programs of our own, with the last lines they wrote: what a person needs to see.
    const detail = error instanceof Error ? error.message : undefined;
    throw new LeaseholdError('backend_unavailable', {
      cause: error,
      ...(detail === undefined ? {} : { detail }),
    });
  }
}

/** Writes exactly what is printed, and makes the broker's token from it. */
async function writeSetup(
  vault: OwnVault,
  policy: string,
): Promise<Pick<RealBackend, 'token' | 'policies' | 'tokenRoles'>> {
  const { brokerPolicy, readPolicies, tokenRoles } = setupDocument({
    bundles: [...parsePolicy(policy).bundles.values()],
    probationSeconds: longestProbationSeconds,
    brokerPolicyName,
  });
  const policies = [brokerPolicy, ...readPolicies];
  for (const { name, hcl } of policies) await vault.call('PUT', `sys/policies/acl/${name}`, { policy: hcl });
  for (const { name, fields } of tokenRoles) await vault.call('POST', `auth/token/roles/${name}`, fields);
  const made = await vault.call('POST', 'auth/token/create-orphan', {
    policies: [brokerPolicyName],
    no_default_policy: true,
    ttl: '1h',
  });
  return {
    token: textAt(made, 'auth', 'client_token'),
    policies: policies.map(({ name }) => name),
    tokenRoles: tokenRoles.map(({ name }) => name),
  };
}
