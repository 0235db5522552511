import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { setupDocument } from '../../src/backend/setup/setup-document.ts';
import { parsePolicy } from '../../src/policy/policy-file.ts';
import { createTestCa } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { textAt } from '../support/json.ts';
import type { TestKubernetes } from '../support/parts/kubernetes.ts';
import type { TestVault } from '../support/parts/vault.ts';
import { vaultPaths } from '../support/parts/vault-with-postgres.ts';

/** The audience that the brokers of these suites ask for. */
export const audience = 'leasehold';

const adminName = 'on-call';
const brokerPolicyName = 'leasehold-broker';

/**
 * Bundle `app`: a database account and a KV secret; `static`: the KV secret alone. Pods of the service account `app` may hold it in both clusters, those of
 * `local` in the cluster `one` alone.
 */
const policyText = (times: Readonly<Record<string, string>>, more: Readonly<Record<string, unknown>>) =>
  stringify({
    bundles: {
      app: {
        tokenRole: 'leasehold-app',
        ttl: '10m',
        maxTtl: '1h',
        overlap: '150s',
        refresh: '5s',
        ...times,
        outage: { mode: 'keep' },
        secrets: {
          db: { leased: vaultPaths.credentials },
          kv: { kv2: { mount: vaultPaths.kvMount, path: vaultPaths.exampleSecret } },
        },
        files: {
          username: { secret: 'db', field: 'username' },
          password: { secret: 'db', field: 'password' },
          'kv.json': { secret: 'kv', format: 'json' },
        },
      },
      static: {
        tokenRole: 'leasehold-static',
        ttl: '10m',
        maxTtl: '1h',
        outage: { mode: 'keep' },
        secrets: { kv: { kv2: { mount: vaultPaths.kvMount, path: vaultPaths.exampleSecret } } },
        files: { 'kv.json': { secret: 'kv', format: 'json' } },
      },
      ...more,
    },
    grants: [
      {
        name: 'app',
        allow: ['app', 'static'],
        pods: { cluster: ['one', 'two'], namespace: 'shop', serviceAccount: 'app' },
      },
      { name: 'local', allow: 'app', pods: { cluster: 'one', namespace: 'shop', serviceAccount: 'local' } },
    ],
  });

/** What one suite sets otherwise in broker.yaml, beside the keys that are there. */
export interface BrokerTuning {
  readonly limits?: Readonly<Record<string, number>>;
  readonly cluster?: Readonly<Record<string, number>>;
  /** Times of the bundle `app`: `ttl`, `overlap` and the like. */
  readonly bundle?: Readonly<Record<string, string>>;
  /** The ledger in this PostgreSQL; a file of its own when left out. */
  readonly ledger?: { readonly postgres: Readonly<Record<string, unknown>>; readonly password: string };
  /** Where the log is, in place of the site's own folder, and how long a record is waited for. */
  readonly audit?: { readonly folder: string; readonly maxWaitMs: number };
  /** More bundles, as the policy file writes them. */
  readonly bundles?: Readonly<Record<string, unknown>>;
  readonly canary?: { readonly intervalSeconds: number };
  readonly vault?: { readonly probationSeconds?: number; readonly requestLimitSeconds?: number };
}

/** Longer than a busy disk takes for a record: a caller that is refused for want of one is refused for nothing else. */
export const auditWaitMs = 10_000;
/** The first ttl of tokens and of database accounts alike, where a suite does not say otherwise. */
export const defaultProbationSeconds = 60;

/** Does at Vault what `leasehold setup print` says, and makes the token that the broker gets: that policy and no other. */
export const setUpVault = async (
  vault: TestVault,
  policy: string,
  probationSeconds: number,
): Promise<string> => {
  const bundles = [...parsePolicy(policy).bundles.values()];
  const setup = setupDocument({ bundles, probationSeconds, brokerPolicyName });
  for (const { name, hcl } of [setup.brokerPolicy, ...setup.readPolicies])
    await vault.call('PUT', `sys/policies/acl/${name}`, { policy: hcl });
  for (const { name, fields } of setup.tokenRoles)
    await vault.call('POST', `auth/token/roles/${name}`, fields);
  const made = await vault.call('POST', 'auth/token/create-orphan', {
    policies: [brokerPolicyName],
    no_default_policy: true,
    ttl: '2h',
  });
  return textAt(made, 'auth', 'client_token');
};

/** What the broker of one test reads, and where it listens: the same after a restart. */
export interface SiteFiles {
  readonly brokerConfig: string;
  readonly ca: string;
  readonly workloads: string;
  /** `http://…` of its health and metrics. */
  readonly http: string;
  readonly audit: string;
  /** Flags of a command that asks this broker. */
  readonly connection: readonly string[];
}

/** Sets Vault up and writes the files of a broker of these clusters, the first called `one`, the second `two`. */
export const writeSiteFiles = async (options: {
  readonly folder: string;
  readonly vault: TestVault;
  /** Where the broker finds that Vault. */
  readonly vaultAddress: string;
  readonly clusters: readonly Pick<TestKubernetes, 'issuer' | 'kubeconfigFile'>[];
  readonly tuning: BrokerTuning;
}): Promise<SiteFiles> => {
  const { folder, vault, clusters, tuning } = options;
  const policy = policyText(tuning.bundle ?? {}, tuning.bundles ?? {});
  const probationSeconds = tuning.vault?.probationSeconds ?? defaultProbationSeconds;
  const write = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const authority = createTestCa();
  const server = authority.issueServer();
  const admin = authority.issueClient({ commonName: adminName });
  const ca = await write('ca.pem', authority.certificate);
  const tls = {
    certificate: await write('server.pem', server.certificate),
    key: await write('server-key.pem', server.key),
  };
  const listen = async () => `127.0.0.1:${await freePort()}`;
  const [workloads, adminAt, httpAt] = [await listen(), await listen(), await listen()];
  const audit = join(tuning.audit?.folder ?? folder, 'audit.log');
  const brokerConfig = await write(
    'broker.yaml',
    stringify({
      trustDomain: 'example.org',
      workloads: { listen: workloads, tls, limits: tuning.limits ?? {} },
      admin: {
        listen: adminAt,
        tls: { ...tls, clientCa: ca },
        clients: [{ name: adminName, commonName: adminName, rights: ['view', 'revoke'] }],
      },
      http: { listen: httpAt },
      replica: { advertise: { workloads } },
      clusters: clusters.map(({ issuer, kubeconfigFile }, index) => ({
        name: ['one', 'two'][index],
        issuer,
        audience,
        keys: { api: true },
        api: { kubeconfig: kubeconfigFile },
        ...tuning.cluster,
      })),
      policy: { file: await write('policy.yaml', policy) },
      backend: {
        vault: {
          address: options.vaultAddress,
          auth: { tokenFile: await write('vault-token', await setUpVault(vault, policy, probationSeconds)) },
          ...tuning.vault,
        },
        ...(tuning.canary === undefined ? {} : { canary: tuning.canary }),
      },
      // The most that it can say: the canary suite reads all of it.
      log: { level: 'debug' },
      ledger:
        tuning.ledger === undefined
          ? { sqlite: { file: join(folder, 'ledger.sqlite') } }
          : {
              postgres: {
                ...tuning.ledger.postgres,
                passwordFile: await write('ledger-password', tuning.ledger.password),
              },
            },
      audit: {
        file: audit,
        hmacKeyFile: await write('audit.key', randomBytes(32).toString('hex')),
        maxWaitMs: tuning.audit?.maxWaitMs ?? auditWaitMs,
      },
    }),
  );
  const adminKey = await write('admin-key.pem', admin.key);
  const adminCertificate = await write('admin.pem', admin.certificate);
  return {
    brokerConfig,
    ca,
    workloads,
    http: `http://${httpAt}`,
    audit,
    connection: ['--broker', adminAt, '--ca', ca, '--cert', adminCertificate, '--key', adminKey],
  };
};
