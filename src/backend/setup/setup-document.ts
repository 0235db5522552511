import { LeaseholdError } from '../../platform/error.ts';
import type { Bundle } from '../../policy/bundle.ts';
import { type EnrolmentSetup, pkiRole, type PkiRoleDocument, signingPolicy } from './pki-role.ts';

/** What a site sets up at the backend so that the broker can do its work and nothing else. */
export interface SetupDocument {
  readonly brokerPolicy: PolicyDocument;
  readonly readPolicies: readonly PolicyDocument[];
  readonly tokenRoles: readonly TokenRoleDocument[];
  /** Of the authority for compute nodes, where the broker enrols them. */
  readonly pkiRoles: readonly PkiRoleDocument[];
}

export interface PolicyDocument {
  readonly name: string;
  readonly hcl: string;
}

export interface TokenRoleDocument {
  readonly name: string;
  /** As `auth/token/roles/<name>` takes them. */
  readonly fields: {
    readonly allowed_policies: readonly string[];
    readonly orphan: true;
    readonly renewable: true;
    readonly token_type: 'service';
    readonly token_no_default_policy: true;
    /** Seconds: the longest life of a session. The backstop behind the deadline that the broker keeps. */
    readonly token_explicit_max_ttl: string;
    /** A period would make tokens immortal. */
    readonly token_period: 0;
  };
}

export interface SetupOptions {
  readonly bundles: readonly Bundle[];
  /** As in the broker's configuration: the policy allows exactly this first ttl. */
  readonly probationSeconds: number;
  /** Undefined where compute nodes get their certificates elsewhere. */
  readonly enrolment?: EnrolmentSetup | undefined;
  /** Name of the broker's own policy. Default `leasehold-broker`. */
  readonly brokerPolicyName?: string;
}

/** Nothing that a policy would read as a wildcard (`*`, `+`), a template (`{{`), or the end of a text. */
const plainPath = /^[A-Za-z0-9_.@=~-]+(\/[A-Za-z0-9_.@=~-]+)*$/;
const plainName = /^[A-Za-z0-9_.-]+$/;

/**
 * The policies and token roles for these bundles. Bundles that share a token role share a read policy: whoever holds
 * one of them could read all. Throws `config_invalid` for names and paths that cannot stand in a policy.
 */
export function setupDocument(options: SetupOptions): SetupDocument {
  const { bundles, probationSeconds, enrolment, brokerPolicyName = 'leasehold-broker' } = options;
  for (const bundle of bundles) {
    if (!plainName.test(bundle.tokenRole)) throw unfit(`bundles.${bundle.name}.tokenRole`);
    for (const secret of bundle.secrets)
      if (!plainPath.test(secret.path)) throw unfit(`bundles.${bundle.name}.secrets.${secret.name}`);
  }
  const byRole = Map.groupBy(bundles, (bundle) => bundle.tokenRole);
  const roles = [...byRole.keys()].sort();
  const leased = sorted(
    bundles.flatMap(({ secrets }) => secrets.filter(({ kind }) => kind === 'leased').map(({ path }) => path)),
  );
  return {
    brokerPolicy: {
      name: brokerPolicyName,
      hcl: [
        ...roles.map((role) => tokenCreation(role, probationSeconds)),
        ...ownCalls,
        ...(leased.length === 0 ? [] : leaseCalls(leased)),
        ...(enrolment === undefined ? [] : [signingPolicy(enrolment)]),
      ].join('\n'),
    },
    readPolicies: roles.map((role) => ({
      name: readPolicyName(role),
      hcl: sorted((byRole.get(role) ?? []).flatMap(({ secrets }) => secrets.map(({ path }) => path)))
        .map((path) => `path "${path}" {\n  capabilities = ["read"]\n}\n`)
        .join('\n'),
    })),
    tokenRoles: roles.map((role) => ({
      name: role,
      fields: {
        allowed_policies: [readPolicyName(role)],
        orphan: true,
        renewable: true,
        token_type: 'service',
        token_no_default_policy: true,
        token_explicit_max_ttl: `${Math.max(...(byRole.get(role) ?? []).map((bundle) => bundle.maxSeconds))}s`,
        token_period: 0,
      },
    })),
    pkiRoles: enrolment === undefined ? [] : [pkiRole(enrolment)],
  };
}

function readPolicyName(tokenRole: string): string {
  return `${tokenRole}-read`;
}

/** Roles by name, not by prefix: a role made later for something else is not the broker's. Values match exactly. */
function tokenCreation(role: string, probationSeconds: number): string {
  return [
    `path "auth/token/create/${role}" {`,
    '  capabilities        = ["update"]',
    '  required_parameters = ["ttl", "meta"]',
    `  allowed_parameters  = { "ttl" = ["${probationSeconds}s"], "meta" = [] }`,
    '}',
    '',
  ].join('\n');
}

const ownCalls: readonly string[] = [
  ['auth/token/lookup-accessor', 'update'],
  ['auth/token/renew-accessor', 'update'],
  ['auth/token/revoke-accessor', 'update'],
  ['auth/token/lookup-self', 'read'],
  ['auth/token/renew-self', 'update'],
].map(([path, capability]) => `path "${path ?? ''}" {\n  capabilities = ["${capability ?? ''}"]\n}\n`);

/** Three exact paths: anything under `sys/leases/*` would include tidy, which drops leases by force. */
function leaseCalls(leased: readonly string[]): readonly string[] {
  const ids = `[${leased.map((path) => `"${path}/*"`).join(', ')}]`;
  const lines = (path: string, required: string, more: string) =>
    [
      `path "sys/leases/${path}" {`,
      '  capabilities        = ["update"]',
      `  required_parameters = [${required}]`,
      `  allowed_parameters  = { "lease_id" = ${ids}${more} }`,
      '}',
      '',
    ].join('\n');
  return [
    lines('lookup', '"lease_id"', ''),
    lines('renew', '"lease_id"', ', "increment" = []'),
    lines('revoke', '"lease_id", "sync"', ', "sync" = [true]'),
  ];
}

function sorted(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort();
}

function unfit(key: string): LeaseholdError {
  return new LeaseholdError('config_invalid', { detail: `${key} holds characters that a policy cannot` });
}
