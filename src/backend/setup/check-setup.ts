import type { Bundle } from '../../policy/bundle.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Secret } from '../../platform/secret.ts';
import { checkEngines } from './check-engines.ts';
import type { Finding } from './finding.ts';
import type { SetupOptions, TokenRoleDocument } from './setup-document.ts';
import { pkiRoleProblems } from './pki-role.ts';
import { setupDocument } from './setup-document.ts';
import { createOperatorView } from './operator-view.ts';

export interface CheckSetupOptions extends Pick<
  SetupOptions,
  'probationSeconds' | 'brokerPolicyName' | 'enrolment'
> {
  readonly address: string;
  /** PEM file. */
  readonly ca?: string;
  readonly namespace?: string;
  /** May read policies, token roles, mounts and database roles. Never written anywhere. */
  readonly operatorToken: Secret;
  readonly bundles: readonly Bundle[];
  /** Leased paths whose leases may be long: findings about them become warnings. */
  readonly allowLongLeases?: readonly string[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Compares what is at the backend with what `printSetup` prints, and looks at each engine behind a leased path. No
 * finding means that the broker can work and that nothing outlives the probation unrecorded. Throws `backend_*` codes
 * where the operator's token may not look.
 */
export async function checkSetup(options: CheckSetupOptions): Promise<readonly Finding[]> {
  const expected = setupDocument(options);
  await using view = await createOperatorView(options);
  const findings: Finding[] = [];
  for (const { name, hcl } of [expected.brokerPolicy, ...expected.readPolicies]) {
    const found = await view.policy(name);
    const subject = `policy ${name}`;
    if (found === undefined) findings.push({ severity: 'error', subject, problem: 'does not exist' });
    else if (normalised(found) !== normalised(hcl))
      findings.push({ severity: 'error', subject, problem: 'is not the printed one' });
  }
  for (const role of expected.tokenRoles) {
    const found = await view.tokenRole(role.name);
    const subject = `token role ${role.name}`;
    if (found === undefined) findings.push({ severity: 'error', subject, problem: 'does not exist' });
    else
      for (const problem of tokenRoleProblems(role, found))
        findings.push({ severity: 'error', subject, problem });
  }
  for (const role of expected.pkiRoles) {
    const found = await view.read(role.path);
    for (const problem of found === undefined ? ['does not exist'] : pkiRoleProblems(role, found))
      findings.push({ severity: 'error', subject: `PKI role ${role.path}`, problem });
  }
  findings.push(...(await checkEngines({ ...options, view })));
  return findings;
}

/** Without comments and layout, so that a site may keep the policies as it formats its files. */
function normalised(hcl: string): string {
  return hcl
    .split('\n')
    .map((line) => line.replace(/^\s*(#|\/\/).*$/, ''))
    .join('')
    .replace(/\s+/g, '');
}

/** Fields of a token role as Vault reports them: durations in seconds. */
type FoundTokenRole = Readonly<Record<string, unknown>>;

function tokenRoleProblems(expected: TokenRoleDocument, found: FoundTokenRole): readonly string[] {
  const { fields } = expected;
  const problems: string[] = [];
  const must = (field: string, wanted: unknown) => {
    if (!Object.is(found[field], wanted)) problems.push(`${field} must be ${JSON.stringify(wanted)}`);
  };
  must('orphan', fields.orphan);
  must('renewable', fields.renewable);
  must('token_type', fields.token_type);
  must('token_no_default_policy', fields.token_no_default_policy);
  must('token_explicit_max_ttl', Number.parseInt(fields.token_explicit_max_ttl, 10));
  const policies = found['allowed_policies'];
  if (!Array.isArray(policies) || policies.join() !== fields.allowed_policies.join())
    problems.push(`allowed_policies must be ${fields.allowed_policies.join(', ')} and nothing else`);
  // The first two are older spellings that still work.
  for (const field of ['period', 'explicit_max_ttl', 'token_period', 'token_num_uses'])
    if ((found[field] ?? 0) !== 0) problems.push(`${field} must not be set`);
  for (const field of ['allowed_policies_glob', 'token_bound_cidrs', 'allowed_entity_aliases', 'path_suffix'])
    if (!isNothing(found[field])) problems.push(`${field} must not be set`);
  return problems;
}

function isNothing(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}
