import { runDemo } from '../src/demo/main.ts';
import { demoPolicy } from '../src/demo/policy.ts';
import { setupDocument } from '../src/backend/setup/setup-document.ts';
import { parsePolicy } from '../src/policy/policy-file.ts';
import { textAt } from '../test/support/json.ts';
import { startVaultWithPostgres } from '../test/support/parts/vault-with-postgres.ts';
import { missingReasons } from '../test/support/require.ts';

/**
 * `npm run demo`: the demo of the program, and with `--backend vault` the same on a real Vault and PostgreSQL, which the program
 * itself does not start. They are found or built as for the tests.
 */
const brokerPolicyName = 'leasehold-broker';
const args = process.argv.slice(2);
const at = args.indexOf('--backend');
const backend = at === -1 ? 'memory' : (args[at + 1] ?? '');
const rest = at === -1 ? args : args.toSpliced(at, 2);

if (backend === 'memory') process.exitCode = await runDemo(rest);
else if (backend === 'vault') process.exitCode = await demoOnVault(rest);
else {
  process.stderr.write('usage: npm run demo -- [--backend memory|vault] [--output text|json]\n');
  process.exitCode = 2;
}

async function demoOnVault(argv: readonly string[]): Promise<number> {
  const lacking = (['vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    process.stderr.write(
      `the demo on a real backend lacks: ${lacking.join('; ')}\nnpm run tools builds Vault\n`,
    );
    return 1;
  }
  await using parts = await startVaultWithPostgres();
  const { vault } = parts;
  await parts.writeSecret('api', { key: 'sk-demo-4f1c9a7e' });
  const bundles = [...parsePolicy(demoPolicy).bundles.values()];
  const setup = setupDocument({ bundles, probationSeconds: 60, brokerPolicyName });
  for (const { name, hcl } of [setup.brokerPolicy, ...setup.readPolicies])
    await vault.call('PUT', `sys/policies/acl/${name}`, { policy: hcl });
  for (const { name, fields } of setup.tokenRoles)
    await vault.call('POST', `auth/token/roles/${name}`, fields);
  const made = await vault.call('POST', 'auth/token/create-orphan', {
    policies: [brokerPolicyName],
    no_default_policy: true,
    ttl: '1h',
  });
  return await runDemo(argv, {
    address: vault.address,
    token: textAt(made, 'auth', 'client_token'),
    canLogin: ({ username, password }) => parts.canLogin(username, password),
  });
}
