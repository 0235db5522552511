import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { makeCertificateRequest } from '../../../src/platform/certificate-request.ts';
import { createAdminClient } from '../../../src/rpc/client/admin-client.ts';
import { certifyNode } from '../../../src/rpc/client/certify-node.ts';
import { type RealNodeAuthority, startNodeAuthority } from '../../support/node-authority.ts';
import { describeWith } from '../../support/require.ts';
import { type SlurmBroker, startSlurmBroker } from '../../support/slurm-broker.ts';
import { type AgentProcess, createNodeWorld, slurmd, type NodeWorld } from './node-world.ts';

const signal = AbortSignal.timeout(600_000);
const patience = { timeout: 120_000, interval: 100 };

interface Site extends AsyncDisposable {
  readonly broker: SlurmBroker;
  readonly world: NodeWorld;
  token(): Promise<Buffer>;
  give(token: Uint8Array): Promise<void>;
  /** Asks with the token, as somebody who has this key. */
  certify(token: Uint8Array, key: KeyObject): Promise<void>;
  /** Of the broker, about certificates. */
  records(): Promise<readonly string[]>;
}

describeWith(['vault'], 'a node agent that enrols, at a real Vault', () => {
  let real: RealNodeAuthority;
  beforeAll(async () => {
    real = await startNodeAuthority();
  });
  afterAll(() => real[Symbol.asyncDispose]());

  /** A node without a certificate, and without a token. */
  async function createSite(): Promise<Site> {
    await using building = new AsyncDisposableStack();
    const broker = building.use(await startSlurmBroker({ authority: real.authority }));
    const way = { address: broker.nodes, ca: broker.ca.certificate, authority: broker.ca };
    const tokenFile = broker.folder + '/enrol-token';
    const world = building.use(
      await createNodeWorld(
        way,
        `prolog: { seconds: 4 }\nenrolment: { address: "${broker.workloads}", tokenFile: ${tokenFile} }`,
        'spiffe://test/slurm/hpc/node/n1',
      ),
    );
    await rm(world.path('tls.crt'));
    await rm(world.path('tls.key'));
    const ada = broker.ca.issueClient({ commonName: 'ada' });
    const admin = building.use(
      createAdminClient({
        endpoint: {
          address: broker.admin,
          ca: Buffer.from(broker.ca.certificate),
          clientCertificate: { certificate: Buffer.from(ada.certificate), key: Buffer.from(ada.key) },
        },
        clock: systemClock,
        random: Math.random,
      }),
    );
    const owned = building.move();
    return {
      broker,
      world,
      token: async () => {
        const request = { cluster: 'hpc', nodes: ['n1'], ttlSeconds: 600 };
        return (await admin.makeEnrolmentTokens(request, signal)).tokens[0]?.token ?? expect.unreachable();
      },
      certify: async (token, key) => {
        await certifyNode({
          endpoint: { address: broker.workloads, ca: Buffer.from(broker.ca.certificate) },
          token,
          request: makeCertificateRequest(key),
          timeoutMs: 30_000,
          signal,
        });
      },
      give: (token) => writeFile(tokenFile, Buffer.concat([token, Buffer.from('\n')]), { mode: 0o600 }),
      records: async () =>
        (await readFile(broker.auditFile, 'utf8'))
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
          .filter(({ action = '', code }) => ['enrol', 'node_key'].includes(action) && code !== 'overloaded')
          .map(
            ({ action = '', outcome = '', code = '', node = '' }) => `${action} ${outcome} ${code} ${node}`,
          ),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  /** Of a job that nobody has registered, on that node: an answer of an agent that serves. */
  const answer = (world: NodeWorld) =>
    world.hook('epilog', slurmd({ SLURM_CLUSTER_NAME: 'hpc', SLURMD_NODENAME: 'n1' }));
  const leafOf = async (world: NodeWorld) => new X509Certificate(await readFile(world.path('tls.crt')));
  const modes = (world: NodeWorld) =>
    ['tls.crt', 'tls.key'].map((name) => statSync(world.path(name)).mode & 0o777);

  const enrolled = (agent: AgentProcess) =>
    vi.waitFor(() => expect(agent.output()).toContain('this node is enrolled'), patience);

  it('serves hooks while it waits for its token, makes a key that nobody else can read, and goes on with the certificate that it got', async () => {
    await using site = await createSite();
    expect(await site.world.spawn(...site.world.config, '--check').exit).toBe(0);
    const agent = site.world.spawn(...site.world.config);
    await vi.waitFor(() => expect(agent.output()).toContain('credential_missing'), patience);
    expect(await answer(site.world)).toBe('OK\n');
    await site.give(await site.token());
    await enrolled(agent);
    expect(await answer(site.world)).toBe('OK\n');
    expect(modes(site.world)).toEqual([0o600, 0o600]);
    const leaf = await leafOf(site.world);
    expect(leaf.subjectAltName).toBe('URI:spiffe://test/slurm/hpc/node/n1');
    expect(leaf.checkPrivateKey(createPrivateKey(await readFile(site.world.path('tls.key'))))).toBe(true);
    expect(await site.records()).toEqual(['enrol ok  hpc/n1']);
    // The next life has all it needs, though the token is spent.
    agent.signal('SIGTERM');
    expect(await agent.exit).toBe(0);
    await site.world.start();
    expect(await site.records()).toEqual(['enrol ok  hpc/n1']);
    expect(agent.output()).not.toContain('leasehold-enrol/');
  });

  it('stops at once when it is told to while it waits', async () => {
    await using site = await createSite();
    const agent = site.world.spawn(...site.world.config);
    await vi.waitFor(() => expect(agent.output()).toContain('credential_missing'), patience);
    agent.signal('SIGTERM');
    expect(await agent.exit).toBe(0);
  });

  it('is given a certificate for the same key again when the first answer was lost', async () => {
    await using site = await createSite();
    const token = await site.token();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(site.world.path('tls.key'), pem, { mode: 0o600 });
    await site.certify(token, privateKey);
    await site.give(token);
    await enrolled(await site.world.start());
    expect(await readFile(site.world.path('tls.key'), 'utf8')).toBe(pem);
    expect(await site.records()).toEqual(['enrol ok  hpc/n1', 'enrol ok  hpc/n1']);
  });

  it('gets nothing for a token that somebody else has used, which is an alarm, and goes on with a new one', async () => {
    await using site = await createSite();
    const token = await site.token();
    const thief = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    await site.certify(token, thief);
    await site.give(token);
    const agent = site.world.spawn(...site.world.config);
    await vi.waitFor(() => expect(agent.output()).toContain('enrolment_spent'), patience);
    expect(existsSync(site.world.path('tls.crt'))).toBe(false);
    expect(await answer(site.world)).toBe('OK\n');
    expect(await site.records()).toEqual(['enrol ok  hpc/n1', 'enrol refused enrolment_spent hpc/n1']);
    await site.give(await site.token());
    await enrolled(agent);
    expect((await site.records()).at(-1)).toBe('enrol ok  hpc/n1');
  });

  it('gets the next certificate in time, for the same key, without a restart and without a token', async () => {
    await using site = await createSite();
    const hour = 3_600_000;
    const old = site.broker.ca.issueClient({
      commonName: 'n1',
      uri: 'spiffe://test/slurm/hpc/node/n1',
      notBefore: new Date(Date.now() - 72 * hour),
      notAfter: new Date(Date.now() + 24 * hour),
    });
    await writeFile(site.world.path('tls.crt'), old.certificate);
    await writeFile(site.world.path('tls.key'), old.key, { mode: 0o600 });
    await using agent = await site.world.start();
    await vi.waitFor(() => expect(agent.output()).toContain('this node has a newer certificate'), patience);
    const leaf = await leafOf(site.world);
    expect(leaf.verify(new X509Certificate(real.authority.root).publicKey)).toBe(true);
    expect(await readFile(site.world.path('tls.key'), 'utf8')).toBe(old.key);
    expect(await answer(site.world)).toBe('OK\n');
    expect(await site.records()).toEqual(['enrol ok  hpc/n1']);
  });

  it('serves hooks when its certificate has expired, and asks with its token', async () => {
    await using site = await createSite();
    const hour = 3_600_000;
    const old = site.broker.ca.issueClient({
      commonName: 'n1',
      uri: 'spiffe://test/slurm/hpc/node/n1',
      notBefore: new Date(Date.now() - 72 * hour),
      notAfter: new Date(Date.now() - hour),
    });
    await writeFile(site.world.path('tls.crt'), old.certificate);
    await writeFile(site.world.path('tls.key'), old.key, { mode: 0o600 });
    const agent = await site.world.start();
    expect(await answer(site.world)).toBe('OK\n');
    await site.give(await site.token());
    await enrolled(agent);
    expect(Date.parse((await leafOf(site.world)).validTo)).toBeGreaterThan(Date.now());
    expect(await site.records()).toEqual(['enrol ok  hpc/n1']);
  });

  it('leaves a key alone that is open to others, or not of its kind, and says so', async () => {
    await using site = await createSite();
    await site.give(await site.token());
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    await writeFile(site.world.path('tls.key'), rsa, { mode: 0o600 });
    const agent = await site.world.start();
    await vi.waitFor(() => expect(agent.output()).toContain('the key is no P-256 key'), patience);
    expect(await answer(site.world)).toBe('OK\n');
    expect(await readFile(site.world.path('tls.key'), 'utf8')).toBe(rsa);
    const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    // In its place at once: where there is none the agent makes its own.
    await writeFile(site.world.path('tls.key.new'), pem, { mode: 0o644 });
    await rename(site.world.path('tls.key.new'), site.world.path('tls.key'));
    await vi.waitFor(() => expect(agent.output()).toContain('open to other users'), patience);
    expect(await site.records()).toEqual([]);
    // Put right, it is taken up without a restart.
    await chmod(site.world.path('tls.key'), 0o600);
    await enrolled(agent);
    expect(await site.records()).toEqual(['enrol ok  hpc/n1']);
  });
});
