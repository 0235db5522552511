import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { encodeSigned } from '../../../src/rpc/client/signed-matchers.ts';
import { createAgelessCa } from '../../support/signed-matchers.ts';
import { createSignerParts } from './signer-parts.ts';

const containing = (text: string) => expect.stringContaining(text) as string;

it('what a broker in trouble cannot register is held, and tried one at a time while it answers everything else', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('audit_unavailable');
  for (const id of [1, 2, 3])
    expect(await parts.start(id)).toEqual({ ok: false, why: containing(`job ${id} is held`) });
  await parts.signer.reconcile();
  expect(parts.told()).toEqual(['hold 1', 'hold 2', 'hold 3', 'release 1']);
  await parts.start(1);
  await parts.signer.reconcile();
  expect(parts.told()).toEqual(['hold 1']);
  parts.wait(5);
  await parts.signer.reconcile();
  expect(parts.told()).toEqual(['release 2']);
  parts.trouble.register = undefined;
  expect(await parts.start(2)).toEqual({ ok: true });
  await parts.until(() => expect(parts.told()).toEqual(['release 3,1']));
});

it('once another job is registered, what is held goes at once and as one', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  for (const id of [1, 2, 3]) await parts.start(id);
  expect(parts.told()).toEqual(['hold 1', 'hold 2', 'hold 3']);
  parts.trouble.register = undefined;
  expect(await parts.start(4)).toEqual({ ok: true });
  await parts.until(() => expect(parts.told()).toEqual(['release 1,2,3']));
});

it.each([
  ['fails', () => Promise.reject(new LeaseholdError('workload_stale'))],
  ['says nothing', () => new Promise<never>(() => undefined)],
])(
  'a job that needs secrets is held when squeue %s until the hook has no more time',
  async (_how, answer) => {
    const parts = await createSignerParts();
    await parts.signer.reconcile();
    parts.trouble.squeue = answer;
    const before = parts.passed();
    expect(await parts.start(1)).toEqual({ ok: false, why: containing('job 1 is held') });
    expect(parts.told()).toEqual(['hold 1']);
    // 30 s are the hook's, and 10 s the broker's.
    expect(parts.passed() - before).toBeLessThanOrEqual(20_000);
    expect(parts.passed() - before).toBeGreaterThan(10_000);
  },
);

it('an end that overtakes its registration ends the run once that is registered, and nothing before', async () => {
  const parts = await createSignerParts();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  parts.trouble.answerAfter = promise;
  const starting = parts.start(1);
  await parts.until(() => expect(parts.registrations).toHaveLength(1));
  expect(await parts.end(1)).toEqual({ ok: true });
  // Of a run that is not registered nothing is ended, or a late registration would be refused for ever.
  expect(parts.ended).toEqual([]);
  resolve(undefined);
  expect(await starting).toEqual({ ok: true });
  const { jobId, start } = parts.row(1);
  expect(parts.ended).toEqual([{ jobId, start }]);
  // The next run of the job is not taken for the one that has ended.
  delete parts.trouble.answerAfter;
  expect(await parts.start(1)).toEqual({ ok: true });
  expect(parts.ended).toHaveLength(1);
});

describe('a SLUID', () => {
  const sluid = 's5WCZ2JGZ0A100';
  const named = { SLURM_JOB_SLUID: sluid };

  it('is signed with what the controller says of the run, and told with its end', async () => {
    const parts = await createSignerParts();
    expect(await parts.start(1, named)).toEqual({ ok: true });
    const { assertion } = parts.registrations[0] ?? expect.unreachable();
    const { jobId, start } = parts.row(1);
    // The jti is what it was: the signer of the other controller, or an older one, makes the same.
    expect(JSON.parse(String(assertion))).toMatchObject({ sluid, jti: `hpc/${jobId}/${start}` });
    expect(await parts.end(1, named)).toEqual({ ok: true });
    expect(parts.ended).toEqual([{ jobId, start, sluid }]);
  });

  it.each(['', '(null)', 's0000000000000', '../x'])(
    'that is none is not told, and keeps no run from its end (%j)',
    async (none) => {
      const parts = await createSignerParts();
      await parts.start(1);
      expect(await parts.end(1, { SLURM_JOB_SLUID: none })).toEqual({ ok: true });
      const { jobId, start } = parts.row(1);
      expect(parts.ended).toEqual([{ jobId, start }]);
    },
  );

  it('of an end that is of an earlier run leaves the registered one as it is', async () => {
    const parts = await createSignerParts();
    await parts.start(1, named);
    parts.trouble.end = new LeaseholdError('workload_ended');
    await expect(parts.end(1, { SLURM_JOB_SLUID: 's5WCZ2JGZ0A000' })).rejects.toMatchObject({
      code: 'workload_ended',
    });
    parts.trouble.end = undefined;
    // It is still known, so that its own end is told.
    await parts.end(1, named);
    expect(parts.ended).toHaveLength(2);
  });

  it('of several ends that overtake a registration the latest goes with it', async () => {
    const parts = await createSignerParts();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    parts.trouble.answerAfter = promise;
    const starting = parts.start(1, named);
    await parts.until(() => expect(parts.registrations).toHaveLength(1));
    await parts.end(1, named);
    await parts.end(1, { SLURM_JOB_SLUID: 's5WCZ2JGZ0A000' });
    resolve(undefined);
    expect(await starting).toEqual({ ok: true });
    const { jobId, start } = parts.row(1);
    expect(parts.ended).toEqual([{ jobId, start, sluid }]);
  });

  it('of an end that overtakes a registration goes with it, and one of an earlier run does not undo that', async () => {
    const parts = await createSignerParts();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    parts.trouble.answerAfter = promise;
    const starting = parts.start(1, named);
    await parts.until(() => expect(parts.registrations).toHaveLength(1));
    const other = 's5WCZ2JGZ0A000';
    await parts.end(1, { SLURM_JOB_SLUID: other });
    parts.trouble.end = new LeaseholdError('workload_ended');
    resolve(undefined);
    expect(await starting).toEqual({ ok: true });
    const { jobId, start } = parts.row(1);
    expect(parts.ended).toEqual([{ jobId, start, sluid: other }]);
    parts.trouble.end = undefined;
    await parts.end(1, named);
    expect(parts.ended.at(-1)).toEqual({ jobId, start, sluid });
  });
});

it('squeue is asked again, and the job is registered when it answers', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.squeue = () =>
    parts.asked() < 4 ? Promise.reject(new LeaseholdError('workload_stale')) : undefined;
  expect(await parts.start(1)).toEqual({ ok: true });
  expect(parts.asked()).toBe(4);
  expect(parts.told()).toEqual([]);
});

it('a job that needs nothing starts when squeue does not answer', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.squeue = () => Promise.reject(new LeaseholdError('workload_stale'));
  expect(await parts.start(1, { SLURM_JOB_PARTITION: 'cpu' })).toEqual({
    ok: false,
    why: containing('job 1 is not registered'),
  });
  expect(parts.told()).toEqual([]);
});

it.each([
  ['start', 'starts without credentials', []],
  ['cancel', 'is cancelled', ['cancel 1']],
] as const)(
  'what Slurm cannot hold either has what the site says for it (%s)',
  async (unheld, becomes, calls) => {
    const parts = await createSignerParts({ outage: { unheld } });
    await parts.signer.reconcile();
    parts.trouble.squeue = () => Promise.reject(new LeaseholdError('workload_stale'));
    parts.trouble.hold = new LeaseholdError('workload_stale');
    expect(await parts.start(1)).toEqual({ ok: false, why: containing(`job 1 ${becomes}`) });
    expect(parts.told()).toEqual(calls);
  },
);

it('a job that may be held is not cancelled because the command has failed', async () => {
  const parts = await createSignerParts({ outage: { unheld: 'cancel' } });
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  parts.trouble.hold = new LeaseholdError('workload_stale');
  expect(await parts.start(1)).toEqual({
    ok: false,
    why: containing('job 1 could not be held'),
  });
  expect(parts.told()).toEqual([]);
});

it('what waits is released before anything is cancelled, which takes a controller longer', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  await parts.start(1);
  parts.trouble.register = undefined;
  expect(parts.told()).toEqual(['hold 1']);
  parts.trouble.toCancel = [2, 3].map((jobId) => ({ run: { jobId, start: 1 }, restarts: 0 }));
  const before: string[][] = [];
  parts.trouble.squeue = () => void before.push(parts.told());
  await parts.signer.reconcile();
  expect(before).toEqual([['release 1'], []]);
});

it('what the broker says is compared and what waits is released though the matchers cannot be kept', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  await rm(parts.at('matchers.json'));
  await mkdir(parts.at('matchers.json'));
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  expect(await parts.start(1)).toEqual({ ok: false, why: containing('job 1 is held') });
  parts.trouble.register = undefined;
  const reported = parts.reports.length;
  await parts.signer.reconcile();
  expect(parts.reports).toHaveLength(reported + 1);
  expect(parts.told()).toEqual(['hold 1', 'release 1']);
  expect(parts.logged()).toContain('could not be kept');
});

it('a run that the broker has registered is so though that cannot be kept, and its end is told', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  await rm(parts.at('runs'), { force: true });
  await mkdir(parts.at('runs'));
  expect(await parts.start(1)).toEqual({ ok: true });
  expect(parts.logged()).toContain('could not be kept');
  await parts.end(1);
  expect(parts.ended).toHaveLength(1);
});

it('a job is held though the state folder cannot be written, and released after that', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  await mkdir(parts.at('held.json'));
  expect(await parts.start(1)).toEqual({ ok: false, why: containing('job 1 is held') });
  expect(parts.told()).toEqual(['hold 1']);
  await expect(parts.signer.reconcile()).rejects.toMatchObject({ code: 'internal' });
  expect(parts.told()).toEqual(['release 1']);
});

it('matchers that came more than seven days ago hold nothing, and the log says so', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  const day = 86_400;
  parts.wait(7 * day);
  expect(await parts.start(1)).toMatchObject({ why: containing('job 1 is held') });
  expect(parts.logged()).not.toContain('too old');
  parts.wait(1);
  expect(await parts.start(2)).toMatchObject({ why: containing('job 2 is not registered') });
  expect(parts.logged()).toContain('too old');
  // Nor does a clock that was set back say how old they are.
  parts.wait(-15 * day);
  expect(await parts.start(3)).toMatchObject({ why: containing('job 3 is not registered') });
  parts.trouble.register = undefined;
  parts.wait(8 * day);
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  expect(await parts.start(4)).toMatchObject({ why: containing('job 4 is held') });
});

describe('matchers', () => {
  const refusedWords = 'a broker sent are refused';
  const keptWords = "kept here are not a broker's for this cluster";
  const unregistered = { why: containing('is not registered') };
  const isHeld = { why: containing('is held') };
  const away = new LeaseholdError('broker_unavailable');

  it('that a broker has not signed for this cluster, with its own name, by that CA and at this time, are refused, and those from before stay', async () => {
    const parts = await createSignerParts();
    const { ca, sign } = parts;
    const validity = { notBefore: new Date(0), notAfter: new Date(Date.UTC(2049, 0, 1)) };
    const refused = [
      () => ({ ...sign({ matchers: [] }), signature: sign().signature }),
      () => sign({ ca: createAgelessCa() }),
      () => sign({ cluster: 'other' }),
      () => sign({ pair: ca.issueServer({ ...validity, names: ['other'] }) }),
      () => sign({ pair: ca.issueServer({ ...validity, notAfter: new Date(parts.now() - 1_000) }) }),
      () => sign({ issuedAt: parts.now() + 600_000 }),
      () => sign({ issuedAt: parts.now() - 8 * 86_400_000 }),
      () => ({ ...sign(), certificates: [] }),
    ];
    // None at first: it holds nothing.
    for (const send of refused) {
      parts.send(send);
      await parts.signer.reconcile();
    }
    // Whatever came of them, the comparison went on.
    expect(parts.reports).toHaveLength(refused.length);
    expect(parts.logged().split(refusedWords)).toHaveLength(1 + refused.length);
    expect(existsSync(parts.at('matchers.json'))).toBe(false);
    parts.trouble.register = away;
    expect(await parts.start(1)).toMatchObject(unregistered);
    parts.send(() => sign());
    await parts.signer.reconcile();
    const kept = await readFile(parts.at('matchers.json'), 'utf8');
    for (const send of refused) {
      parts.send(send);
      await parts.signer.reconcile();
    }
    expect(await readFile(parts.at('matchers.json'), 'utf8')).toBe(kept);
    expect(await parts.start(2)).toMatchObject(isHeld);
  });

  it('are believed by the next process, though the certificate has lapsed meanwhile', async () => {
    const parts = await createSignerParts();
    await parts.signer.reconcile();
    // Its certificate was good for half an hour.
    parts.wait(86_400);
    await parts.restart();
    parts.trouble.register = away;
    expect(await parts.start(1)).toMatchObject(isHeld);
    expect(parts.logged()).not.toContain(keptWords);
  });

  it('that were altered, cut, unsigned or brought from elsewhere hold nothing, and the log says so', async () => {
    const parts = await createSignerParts();
    const file = parts.at('matchers.json');
    await parts.signer.reconcile();
    parts.trouble.register = away;
    const sound = await readFile(file, 'utf8');
    const from = (changes: Parameters<typeof parts.sign>[0]) => encodeSigned(parts.sign(changes));
    const others = [
      sound.slice(0, -9),
      sound.replace(/"set":"../, '"set":"AA'),
      JSON.stringify({ received: parts.now(), policyRevision: '1', matchers: [{ grant: 'g', users: [] }] }),
      '{}',
      '',
      encodeSigned({ ...parts.sign({ matchers: [] }), signature: parts.sign().signature }),
      from({ cluster: 'other' }),
      from({ ca: createAgelessCa() }),
    ];
    for (const [at, other] of others.entries()) {
      await writeFile(file, other);
      await parts.restart();
      expect([at, await parts.start(1)]).toMatchObject([at, unregistered]);
      expect(parts.logged().split(keptWords)).toHaveLength(2 + at);
    }
    // An old one that is put back is as old as it is.
    await writeFile(file, from({ issuedAt: parts.now() - 8 * 86_400_000 }));
    await parts.restart();
    expect(await parts.start(1)).toMatchObject(unregistered);
    await writeFile(file, sound);
    await parts.restart();
    expect(await parts.start(1)).toMatchObject(isHeld);
    // The next answer is kept in the place of whatever was there.
    await writeFile(file, '{}');
    await parts.restart();
    parts.trouble.register = undefined;
    await parts.signer.reconcile();
    await parts.restart();
    parts.trouble.register = away;
    expect(await parts.start(2)).toMatchObject(isHeld);
  });

  it('of an older broker, unsigned, count while the process lives, and are not kept', async () => {
    const parts = await createSignerParts();
    parts.send(() => null);
    await parts.signer.reconcile();
    parts.trouble.register = away;
    expect(await parts.start(1)).toMatchObject(isHeld);
    expect(existsSync(parts.at('matchers.json'))).toBe(false);
    await parts.restart();
    expect(await parts.start(2)).toMatchObject(unregistered);
    // What a newer one has signed is not given up for it.
    parts.send(() => parts.sign());
    await parts.signer.reconcile();
    parts.send(() => null);
    await parts.signer.reconcile();
    await parts.restart();
    expect(await parts.start(3)).toMatchObject(isHeld);
  });
});

it('what is held is released also when the broker takes no report', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  await parts.start(1);
  expect(parts.told()).toEqual(['hold 1']);
  parts.trouble.report = new LeaseholdError('internal');
  await expect(parts.signer.reconcile()).rejects.toMatchObject({ code: 'internal' });
  expect(parts.told()).toEqual(['release 1']);
});

it('what is held is released while the broker is still busy with a report, and nothing is cancelled before its answer', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  await parts.start(1);
  expect(parts.told()).toEqual(['hold 1']);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  parts.trouble.reportAfter = promise;
  parts.trouble.toCancel = [{ run: { jobId: 2, start: 1 }, restarts: 0 }];
  const asked = parts.asked();
  const reconciling = parts.signer.reconcile();
  await parts.until(() => expect(parts.told()).toEqual(['release 1']));
  expect(parts.asked()).toBe(asked);
  resolve(undefined);
  await reconciling;
  expect(parts.asked()).toBe(asked + 1);
});

it('runs that do not fit one message are reported by ranges of job ids, without a gap', async () => {
  const parts = await createSignerParts();
  const ids = Array.from({ length: 120_000 }, (_, index) => 3 * (120_000 - index));
  parts.setRuns(ids.map((id) => parts.row(id)));
  await parts.signer.reconcile();
  expect(parts.reports.map(({ fromJobId, toJobId, runs }) => [fromJobId, toJobId, runs?.length])).toEqual([
    [0, 150_000, 50_000],
    [150_001, 300_000, 50_000],
    [300_001, 0, 20_000],
  ]);
  for (const { fromJobId = 0, toJobId, runs = [] } of parts.reports)
    for (const { run } of runs) {
      const id = Number(run?.jobId);
      if (id < Number(fromJobId) || id > (Number(toJobId) || Infinity)) expect.unreachable(String(id));
    }
});

it('an empty cluster is reported as one', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  expect(parts.reports).toMatchObject([{ fromJobId: 0, toJobId: 0, runs: [] }]);
});

it('the nodes of a run are told only while it runs, and where each has its prolog by then', async () => {
  const parts = await createSignerParts();
  const states = ['RUNNING', 'SUSPENDED', undefined] as const;
  parts.setRuns(states.map((state, index) => ({ ...parts.row(index + 1), nodes: 4, state })));
  parts.setPrologsAtStart(false);
  await parts.signer.reconcile();
  parts.setPrologsAtStart(true);
  await parts.signer.reconcile();
  expect(parts.reports.map(({ runs = [] }) => runs.map(({ nodes }) => nodes))).toEqual([
    [0, 0, 0],
    [4, 0, 0],
  ]);
});

it('a run is registered with whether each of its nodes has its prolog at once', async () => {
  const parts = await createSignerParts();
  parts.setPrologsAtStart(false);
  await parts.signer.reconcile();
  await parts.start(1);
  parts.setPrologsAtStart(true);
  await parts.signer.reconcile();
  await parts.start(2);
  expect(parts.registrations.map(({ prologsAtStart }) => prologsAtStart)).toEqual([false, true]);
});
