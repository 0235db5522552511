import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { createTestCa } from '../../../support/certificates.ts';
import { createAgelessCa } from '../../../support/signed-matchers.ts';
import { type FakeBroker, startFakeBroker } from '../fake-broker.ts';
import { sessionA } from '../messages.ts';
import { createNode } from './create-node.ts';
import { deliverRun } from './deliver-run.ts';

const files = 'run/runs/7-1700000000';

async function deliver(broker: FakeBroker): Promise<void> {
  const stream = await deliverRun(broker);
  void stream.over.then(() => stream.end());
}

// The agent gives files to users, and its folders are root's.
describe.runIf(process.geteuid?.() === 0)('a node agent without a certificate', () => {
  it.each(['expired', 'missing', 'unusable'] as const)(
    'removes the files of a job that ends, when its certificate is %s and no broker answers',
    async (what) => {
      const ca = createTestCa();
      const broker = await startFakeBroker({ wantsClients: true, authority: ca });
      await using node = await createNode(broker);
      await node.certify(ca);
      await node.start();
      const prolog = node.hook('prolog');
      await deliver(broker);
      expect(await prolog).toBe('OK\n');
      await node.stop();
      await broker[Symbol.asyncDispose]();
      if (what === 'expired') await node.certify(ca, { isExpired: true });
      if (what === 'missing') await rm(node.path('tls.crt'));
      if (what === 'unusable') await writeFile(node.path('tls.crt'), 'torn');

      await node.start();
      expect(existsSync(node.path(`${files}/db/password.txt`))).toBe(true);
      expect(await node.hook('epilog')).toBe('OK\n');
      expect([files, 'run/jobs/7'].map((name) => existsSync(node.path(name)))).toEqual([false, false]);
      // For the broker, when there is one and a certificate for it.
      const left = await readFile(node.path('run/state/7-1700000000.json'), 'utf8');
      expect(left).toContain(`"owed":["${sessionA}"]`);
    },
  );

  it('fails a job that needs something with a reason, and starts one that needs nothing, by what it was told last', async () => {
    await using node = await createNode({ seconds: 1 });
    await node.tellMatchers();
    await node.start();
    expect(await node.hook('prolog')).toBe('OK\n');
    expect(await node.marker()).toContain('state=nothing\n');
    expect(await node.hook('epilog')).toBe('OK\n');
    expect(await node.hook('prolog', { SLURM_JOB_PARTITION: 'gpu' })).toMatch(/could not be fetched in time/);
    expect(await node.marker()).toContain('state=failed\n');
  });

  it('is as one that no broker answers, when its certificate has expired', async () => {
    const ca = createAgelessCa();
    await using broker = await startFakeBroker({ wantsClients: true, authority: ca });
    await using node = await createNode({ address: broker.address, seconds: 600 });
    await node.certify(ca, { isExpired: true });
    await node.tellMatchers(ca);
    await node.start();
    expect(await node.hook('prolog')).toBe('OK\n');
    expect(await node.marker()).toContain('state=nothing\n');
  });

  it('delivers to a prolog that waits as soon as there is one', async () => {
    const ca = createTestCa();
    await using broker = await startFakeBroker({ wantsClients: true, authority: ca });
    await using node = await createNode(broker);
    const agent = await node.start();
    const prolog = node.hook('prolog');
    await vi.waitFor(() => expect(agent.runs()).toBe(1));
    await node.certify(ca);
    agent.lookForCertificate();
    await deliver(broker);
    expect(await prolog).toBe('OK\n');
    expect(await node.marker()).toContain('state=delivered\n');
  });

  it('fails a job of another node when it learns which one it is, and asks for no secret of that job', async () => {
    const ca = createTestCa();
    await using broker = await startFakeBroker({ wantsClients: true, authority: ca });
    await using node = await createNode(broker);
    const agent = await node.start();
    const prolog = node.hook('prolog');
    await vi.waitFor(() => expect(agent.runs()).toBe(1));
    await node.certify(ca, { node: 'n2' });
    agent.lookForCertificate();
    const asked = broker.nextStream().then(() => 'asked');
    expect(await Promise.race([prolog, asked])).toMatch(/was refused the credentials/);
    // From then on it knows.
    expect(await node.hook('prolog', { SLURM_JOB_ID: 8 })).toMatch(/was refused the credentials/);
  });

  it('still knows which node it is when its certificate is gone', async () => {
    const ca = createTestCa();
    await using node = await createNode();
    await node.certify(ca);
    const agent = await node.start();
    await rm(node.path('tls.crt'));
    agent.lookForCertificate();
    expect(await node.hook('epilog', { SLURMD_NODENAME: 'n2' })).toMatch(/^FAIL /);
    expect(await node.hook('epilog')).toBe('OK\n');
  });
});
