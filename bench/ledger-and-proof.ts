import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { compactVerify, generateKeyPair, SignJWT } from 'jose';
import { createClusters } from '../src/identity/clusters.ts';
import { createLocalIssuer } from '../src/identity/local-issuer.ts';
import type { NewSession } from '../src/ledger/ledger.ts';
import { openSqliteLedger } from '../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../src/platform/clock.ts';
import { silentLog } from '../src/platform/log.ts';
import { randomId } from '../src/platform/random-id.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { type Benchmark, rate } from './lib/result.ts';

/** Ledger transactions and proofs on one core, each beside the bare library that it stands on. */
export const ledgerAndProof: Benchmark = async ({ quick, say }) => {
  const seconds = quick ? 1 : 5;
  await using folder = await createTempFolder({ name: 'bench' });

  say('bare node:sqlite, one commit a row');
  const bare = new DatabaseSync(join(folder.path, 'bare.sqlite'));
  bare.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT)',
  );
  const insert = bare.prepare('INSERT INTO t VALUES (?, ?)');
  const body = 'x'.repeat(600);
  const bareCommits = await rate({
    seconds,
    concurrency: 1,
    task: async () => {
      insert.run(randomId('row_'), body);
    },
  });
  bare.close();

  say('ledger, one session a commit, alone and with 64 at once');
  await using ledger = await openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog });
  const begin = async (index: number) => {
    await ledger.beginSession(aSession(index));
  };
  const alone = await rate({ seconds, concurrency: 1, task: begin });
  const together = await rate({ seconds, concurrency: 64, task: (index) => begin(index + 1e9) });

  say('bare jose');
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const token = await new SignJWT({ a: 1 }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
  const bareProofs = await rate({
    seconds,
    concurrency: 4,
    task: async () => {
      await compactVerify(token, publicKey);
    },
  });

  say('proofs with claims, pod view and identity');
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
  });
  await using clusters = createClusters({
    trustDomain: 'bench.example',
    clusters: [],
    development: [issuer.source],
    clock: systemClock,
    log: silentLog,
    random: Math.random,
  });
  await clusters.ready(AbortSignal.timeout(10_000));
  const uid = issuer.addPod({ namespace: 'ml', name: 'p', serviceAccount: 's', node: 'n' });
  const credential = Buffer.from(await issuer.issueToken(uid));
  const proofs = await rate({
    seconds,
    concurrency: 4,
    task: async () => {
      await clusters.verifier.verify(credential, { purpose: 'new', signal: new AbortController().signal });
    },
  });

  return [
    {
      figure: 'ledger.sessions_begun_alone',
      value: alone,
      unit: '/s',
      peer: { name: 'node:sqlite commits', value: bareCommits },
    },
    {
      figure: 'ledger.sessions_begun_64_at_once',
      value: together,
      unit: '/s',
      peer: { name: 'node:sqlite commits', value: bareCommits },
    },
    { figure: 'identity.proofs', value: proofs, unit: '/s', peer: { name: 'jose ES256', value: bareProofs } },
  ];
};

function aSession(index: number): NewSession {
  const workload = `pod/bench/${index}`;
  return {
    id: randomId('ses_'),
    workload,
    bundle: 'static',
    node: '',
    requestKey: randomId('req_'),
    identity: {
      kind: 'pod',
      workload,
      spiffeId: `spiffe://bench/k8s/bench/ns/ml/sa/s/pod/${index}`,
      cluster: 'bench',
      namespace: 'ml',
      serviceAccount: 's',
      serviceAccountUid: 'u',
      pod: `p-${index}`,
      podUid: String(index),
      node: 'n',
      labels: {},
      images: { known: false },
    },
    holders: ['pod'],
    grant: 'all',
    policyRevision: 'r',
    deadlineAt: Date.now() + 3_600_000,
    generation: { id: randomId('gen_'), versions: '1' },
    attach: 'pod',
    replica: 'rep_bench',
    work: [],
    at: Date.now(),
  };
}
