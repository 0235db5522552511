import { describe, expect, it } from 'vitest';
import { printSetup } from '../../../../src/backend/setup/print-setup.ts';
import { setupDocument } from '../../../../src/backend/setup/setup-document.ts';
import type { Bundle, SecretSource } from '../../../../src/policy/bundle.ts';

const leased: SecretSource = { name: 'db', kind: 'leased', path: 'database/creds/app', engine: 'read' };
const fixed: SecretSource = { name: 'kv', kind: 'static', path: 'secret/data/app', engine: 'kv2' };
const aBundle = (change: Partial<Bundle> = {}): Bundle => ({
  name: 'app',
  tokenRole: 'leasehold-app',
  secrets: [leased, fixed],
  files: [],
  ttlSeconds: 3600,
  maxSeconds: 86_400,
  overlapSeconds: 60,
  refreshSeconds: 60,
  outage: { mode: 'keep', afterSeconds: 0 },
  perNode: false,
  nodeWithoutSecrets: 'fail_tasks',
  ...change,
});
const withPath = (path: string) => aBundle({ secrets: [{ ...fixed, path }] });

describe('setupDocument', () => {
  it.each([
    'secret/data/*',
    'secret/+/app',
    'a"b',
    'a\\b',
    'a b',
    '{{identity.entity.id}}',
    'a\nb',
    'a//b',
    '/a',
    '',
  ])('refuses the path %j: a policy would read more into it', (path) => {
    expect(() => setupDocument({ bundles: [withPath(path)], probationSeconds: 60 })).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    );
  });

  it.each(['leasehold-*', 'a/b', 'a"b', ''])('refuses the token role %j', (tokenRole) => {
    expect(() => setupDocument({ bundles: [aBundle({ tokenRole })], probationSeconds: 60 })).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    );
  });

  it('names each role and each leased path, and nothing wider', () => {
    const other = aBundle({ name: 'other', tokenRole: 'leasehold-other', secrets: [fixed] });
    const { brokerPolicy } = setupDocument({ bundles: [other, aBundle()], probationSeconds: 45 });
    expect([...brokerPolicy.hcl.matchAll(/^path "(.*)" \{$/gm)].map((match) => match[1])).toEqual([
      'auth/token/create/leasehold-app',
      'auth/token/create/leasehold-other',
      'auth/token/lookup-accessor',
      'auth/token/renew-accessor',
      'auth/token/revoke-accessor',
      'auth/token/lookup-self',
      'auth/token/renew-self',
      'sys/leases/lookup',
      'sys/leases/renew',
      'sys/leases/revoke',
    ]);
    expect(brokerPolicy.hcl).toContain('"ttl" = ["45s"]');
    expect(brokerPolicy.hcl).toContain('"lease_id" = ["database/creds/app/*"]');
    expect(brokerPolicy.hcl).not.toContain('secret/data/app');
  });

  it('grants no lease call where nothing is leased', () => {
    const { brokerPolicy } = setupDocument({
      bundles: [aBundle({ secrets: [fixed] })],
      probationSeconds: 60,
    });
    expect(brokerPolicy.hcl).not.toContain('sys/leases');
  });

  it('gives bundles with one role one read policy, and the longer maximum', () => {
    const second = aBundle({
      name: 'second',
      secrets: [{ ...fixed, path: 'secret/data/second' }],
      maxSeconds: 90_000,
    });
    const { readPolicies, tokenRoles } = setupDocument({
      bundles: [aBundle(), second],
      probationSeconds: 60,
    });
    expect(readPolicies.map(({ name }) => name)).toEqual(['leasehold-app-read']);
    for (const path of ['database/creds/app', 'secret/data/app', 'secret/data/second'])
      expect(readPolicies[0]?.hcl).toContain(`path "${path}" {\n  capabilities = ["read"]\n}`);
    expect(tokenRoles).toMatchObject([
      { name: 'leasehold-app', fields: { token_explicit_max_ttl: '90000s' } },
    ]);
  });
});

describe('printSetup', () => {
  it('prints commands that can be pasted', () => {
    const text = printSetup({ bundles: [aBundle()], probationSeconds: 60 });
    expect(text).toContain("vault policy write leasehold-broker - <<'EOF'\n");
    expect(text).toContain("vault policy write leasehold-app-read - <<'EOF'\n");
    expect(text).toContain(
      [
        'vault write auth/token/roles/leasehold-app',
        '  allowed_policies=leasehold-app-read',
        '  orphan=true',
        '  renewable=true',
        '  token_type=service',
        '  token_no_default_policy=true',
        '  token_explicit_max_ttl=86400s',
        '  token_period=0\n',
      ].join(' \\\n'),
    );
  });
});

describe('the setup of enrolment', () => {
  const enrolment = {
    mount: 'pki-nodes',
    role: 'leasehold-node',
    certificateSeconds: 259_200,
    trustDomain: 'example.org',
    clusters: ['hpc', 'east'],
  };

  it.each(['pki/*', 'pki+', '{{x}}', 'pki/', '"', 'pki nodes'])('refuses the mount %j', (mount) => {
    expect(() =>
      setupDocument({ bundles: [], probationSeconds: 60, enrolment: { ...enrolment, mount } }),
    ).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  it('is nothing where nodes get their certificates elsewhere', () => {
    const { brokerPolicy, pkiRoles } = setupDocument({ bundles: [aBundle()], probationSeconds: 60 });
    expect(pkiRoles).toEqual([]);
    expect(brokerPolicy.hcl).not.toContain('sign');
  });

  it('names nodes of the configured clusters alone, for as long as is configured', () => {
    const { brokerPolicy, pkiRoles } = setupDocument({ bundles: [], probationSeconds: 60, enrolment });
    const names = ['spiffe://example.org/slurm/east/node/*', 'spiffe://example.org/slurm/hpc/node/*'];
    expect(brokerPolicy.hcl).toContain(
      [
        'path "pki-nodes/sign/leasehold-node" {',
        '  capabilities        = ["update"]',
        '  required_parameters = ["csr", "uri_sans", "ttl"]',
        `  allowed_parameters  = { "csr" = [], "uri_sans" = ["${names.join('", "')}"], "ttl" = ["259200s"] }`,
        '}',
      ].join('\n'),
    );
    expect(pkiRoles).toMatchObject([
      { path: 'pki-nodes/roles/leasehold-node', fields: { allowed_uri_sans: names, max_ttl: '259200s' } },
    ]);
    expect(printSetup({ bundles: [], probationSeconds: 60, enrolment })).toContain(
      `vault write pki-nodes/roles/leasehold-node \\\n  allowed_uri_sans='${names.join(',')}' \\\n`,
    );
  });
});
