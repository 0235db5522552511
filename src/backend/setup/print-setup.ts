import type { PkiRoleDocument } from './pki-role.ts';
import type { PolicyDocument, SetupOptions, TokenRoleDocument } from './setup-document.ts';
import { setupDocument } from './setup-document.ts';

/** The setup as commands to paste; `bao` takes the same. Names and paths are checked, so nothing needs quoting. */
export function printSetup(options: SetupOptions): string {
  const { brokerPolicy, readPolicies, tokenRoles, pkiRoles } = setupDocument(options);
  return [
    "# What the broker's own token may do. It cannot read a secret.",
    writePolicy(brokerPolicy),
    '# For each token role: what its tokens may read, and the role.',
    ...readPolicies.map(writePolicy),
    ...tokenRoles.map(({ name, fields }) => writeRole({ path: `auth/token/roles/${name}`, fields })),
    ...(pkiRoles.length === 0
      ? []
      : ["# What certifies compute nodes. The engine and its issuer are the site's to make."]),
    ...pkiRoles.map(writeRole),
  ].join('\n');
}

function writePolicy({ name, hcl }: PolicyDocument): string {
  return `vault policy write ${name} - <<'EOF'\n${hcl}EOF\n`;
}

function writeRole({
  path,
  fields,
}: {
  readonly path: string;
  readonly fields: TokenRoleDocument['fields'] | PkiRoleDocument['fields'];
}): string {
  const settings = Object.entries(fields).map(([key, value]: [string, unknown]) => {
    const text = Array.isArray(value) ? value.join(',') : String(value);
    // The end of a name is a wildcard for the authority, and must not be one for the shell.
    return `  ${key}=${text.includes('*') ? `'${text}'` : text}`;
  });
  return [`vault write ${path}`, ...settings].join(' \\\n') + '\n';
}
