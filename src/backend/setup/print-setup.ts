import type { PolicyDocument, SetupOptions, TokenRoleDocument } from './setup-document.ts';
import { setupDocument } from './setup-document.ts';

/** The setup as commands to paste; `bao` takes the same. Names and paths are checked, so nothing needs quoting. */
export function printSetup(options: SetupOptions): string {
  const { brokerPolicy, readPolicies, tokenRoles } = setupDocument(options);
  return [
    "# What the broker's own token may do. It cannot read a secret.",
    writePolicy(brokerPolicy),
    '# For each token role: what its tokens may read, and the role.',
    ...readPolicies.map(writePolicy),
    ...tokenRoles.map(writeRole),
  ].join('\n');
}

function writePolicy({ name, hcl }: PolicyDocument): string {
  return `vault policy write ${name} - <<'EOF'\n${hcl}EOF\n`;
}

function writeRole({ name, fields }: TokenRoleDocument): string {
  const settings = Object.entries(fields).map(
    ([key, value]: [string, unknown]) => `  ${key}=${Array.isArray(value) ? value.join(',') : String(value)}`,
  );
  return [`vault write auth/token/roles/${name}`, ...settings].join(' \\\n') + '\n';
}
