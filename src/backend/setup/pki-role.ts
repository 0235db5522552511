import { LeaseholdError } from '../../platform/error.ts';

/** Which authority certifies nodes, and how they may be named. */
export interface EnrolmentSetup {
  readonly mount: string;
  readonly role: string;
  readonly certificateSeconds: number;
  readonly trustDomain: string;
  /** Batch clusters. */
  readonly clusters: readonly string[];
}

/** A role of a PKI engine, as its path takes it. */
export interface PkiRoleDocument {
  readonly path: string;
  readonly fields: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

const plainMount = /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/;
const plainName = /^[A-Za-z0-9_.-]+$/;

/** Signs for clients that are nodes of these clusters, and for nothing else: the name is the broker's to say, not the request's. */
export function pkiRole(setup: EnrolmentSetup): PkiRoleDocument {
  const { mount, role, certificateSeconds } = setup;
  if (!plainMount.test(mount)) throw unfit('nodes.enrolment.mount');
  if (!plainName.test(role)) throw unfit('nodes.enrolment.role');
  return {
    path: `${mount}/roles/${role}`,
    fields: {
      allowed_uri_sans: namesOf(setup),
      allow_any_name: false,
      allow_localhost: false,
      allow_ip_sans: false,
      require_cn: false,
      use_csr_common_name: false,
      use_csr_sans: false,
      client_flag: true,
      server_flag: false,
      code_signing_flag: false,
      email_protection_flag: false,
      key_type: 'ec',
      key_bits: 256,
      key_usage: ['DigitalSignature'],
      max_ttl: `${certificateSeconds}s`,
    },
  };
}

/** The one call at the authority that the broker makes. */
export function signingPolicy(setup: EnrolmentSetup): string {
  const names = namesOf(setup).map((name) => `"${name}"`);
  return [
    `path "${setup.mount}/sign/${setup.role}" {`,
    '  capabilities        = ["update"]',
    '  required_parameters = ["csr", "uri_sans", "ttl"]',
    `  allowed_parameters  = { "csr" = [], "uri_sans" = [${names.join(', ')}], "ttl" = ["${setup.certificateSeconds}s"] }`,
    '}',
    '',
  ].join('\n');
}

/** What differs in a role as the backend reports it: durations in seconds. */
export function pkiRoleProblems(
  { fields }: PkiRoleDocument,
  found: Readonly<Record<string, unknown>>,
): readonly string[] {
  const wanted = {
    ...fields,
    max_ttl: Number.parseInt(String(fields['max_ttl']), 10),
    ext_key_usage_oids: [],
  };
  return Object.entries({ ...wanted, ext_key_usage: [], allowed_other_sans: [] }).flatMap(([field, value]) =>
    plain(found[field]) === plain(value) ? [] : [`${field} must be ${JSON.stringify(value)}`],
  );
}

/** An empty list is reported as null, and some lists in an order of their own. */
function plain(value: unknown): string {
  return JSON.stringify(Array.isArray(value) ? [...value.map(String)].sort() : (value ?? []));
}

function namesOf({ trustDomain, clusters }: EnrolmentSetup): readonly string[] {
  return [...clusters].sort().map((cluster) => `spiffe://${trustDomain}/slurm/${cluster}/node/*`);
}

function unfit(key: string): LeaseholdError {
  return new LeaseholdError('config_invalid', { detail: `${key} holds characters that a policy cannot` });
}
