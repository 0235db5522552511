import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { createAuthority } from '../src/demo/authority/certificates.ts';
import { createLocalIssuer } from '../src/identity/local-issuer.ts';
import { defaultPool } from '../src/ledger/postgres/postgres-config.ts';
import { systemClock } from '../src/platform/clock.ts';
import { startPostgres } from '../test/support/parts/postgres.ts';
import { missingReasons } from '../test/support/require.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { type Child, rest, startChild } from './lib/child.ts';
import type { BrokerReply, BrokerRequest, HoldersReply, HoldersRequest } from './lib/failover-messages.ts';
import { type Benchmark, percentile } from './lib/result.ts';
import { round } from './storm.ts';

/** Sessions on two of three brokers that share a real PostgreSQL; one of the two is killed, and its holders come to the others. */
export const failover: Benchmark = async ({ quick, say }) => {
  const lacking = missingReasons('postgres');
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const sessions = quick ? 200 : 2_000;
  await using folder = await createTempFolder({ name: 'bench-failover' });
  await using server = await startPostgres();
  // Tests do without it; a commit that is not synced is not the one that is measured here.
  await server.query('ALTER SYSTEM SET fsync = on');
  await server.restart();
  const { host, port, user, password, database } = server.connection;
  const passwordFile = join(folder.path, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const authority = createAuthority();
  const { certificate, key } = authority.issueServer();
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const { pods, tokens } = await makePods(sessions, { publicKey, privateKey });

  using processes = new DisposableStack();
  const brokers: Child[] = [];
  const addresses: string[] = [];
  for (const name of ['first', 'second', 'third']) {
    const own = join(folder.path, name);
    await mkdir(own);
    const broker = processes.use(startChild('failover-broker.ts', []));
    const ready = broker.next<BrokerReply>();
    broker.send({
      ledger: {
        ...{ host, port, user, database, passwordFile, tls: { mode: 'disable' }, schema: 'leasehold' },
        pool: defaultPool,
      },
      folder: own,
      certificate,
      key,
      ca: authority.certificate,
      publicKey: await exportJWK(publicKey),
      privateKey: await exportJWK(privateKey),
      pods,
    } satisfies BrokerRequest);
    addresses.push((await ready).address);
    brokers.push(broker);
  }
  say(`${sessions} sessions on two of three brokers`);
  const holders = processes.use(startChild('failover-holders.ts', []));
  const held = holders.next<HoldersReply>();
  holders.send({ addresses, ca: authority.certificate, tokens, startAt: 2 } satisfies HoldersRequest);
  await held;
  // The last acknowledgements.
  await rest(2_000);
  const [first, ...others] = brokers;
  if (first === undefined) throw new Error('no broker');
  const before = await ask(others);
  say('one is killed');
  const again = holders.next<HoldersReply>();
  holders.send({ gone: true });
  const killedAt = Date.now();
  first[Symbol.dispose]();
  const { heldAgainAt, replaced } = await again;
  const after = await ask(others);
  processes.dispose();
  say('as many clients at once, bare server');
  const bare = percentile((await round('bare', sessions / 2)).firstMs, 0.99);
  const waited = heldAgainAt.map((at) => at - killedAt);
  const issued = total(after, 'issued') - total(before, 'issued');
  const p99 = percentile(waited, 0.99);
  return [
    { figure: 'failover.held_again_p50', value: percentile(waited, 0.5), unit: 'ms' },
    {
      figure: 'failover.held_again_p99',
      value: p99,
      unit: 'ms',
      peer: { name: 'bare grpc-js, connecting alone', value: bare },
      goal: { text: 'at most 5 s', met: p99 <= 5_000 },
    },
    {
      figure: 'failover.held_again',
      value: waited.length,
      unit: '',
      goal: { text: `all ${sessions / 2}`, met: waited.length === sessions / 2 },
    },
    {
      figure: 'failover.lease_sets_issued',
      value: issued,
      unit: '',
      goal: { text: 'none', met: issued === 0 && replaced === 0 },
    },
  ];
};

async function makePods(
  count: number,
  keys: { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey },
): Promise<{ readonly pods: readonly string[]; readonly tokens: readonly string[] }> {
  const issuer = await createLocalIssuer({
    trust: {
      name: 'bench',
      issuer: 'https://bench.example',
      audience: 'leasehold',
      maxTokenSeconds: 3600,
      staleAfterSeconds: 60,
      lostAfterSeconds: 600,
    },
    clock: systemClock,
    keys,
  });
  const pods: string[] = [];
  const tokens: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const uid = randomUUID();
    issuer.addPod({ namespace: 'ml', name: uid, serviceAccount: 's', node: 'n', uid });
    pods.push(uid);
    tokens.push(await issuer.issueToken(uid));
  }
  return { pods, tokens };
}

async function ask(brokers: readonly Child[]): Promise<readonly BrokerReply[]> {
  return Promise.all(
    brokers.map((broker) => {
      const reply = broker.next<BrokerReply>();
      broker.send({ ask: 'counters' });
      return reply;
    }),
  );
}

function total(replies: readonly BrokerReply[], figure: 'issued' | 'resumed'): number {
  return replies.reduce((sum, reply) => sum + reply[figure], 0);
}
