import { describe, expect, it } from 'vitest';
import type { HookRequest } from '../../../src/platform/hook-request.ts';
import { needsSecrets, type RunMatcher } from '../../../src/platform/run-matchers.ts';
import {
  claimsOf,
  hasNames,
  jobName,
  matchedJob,
  readEndingJob,
  readStartingJob,
  type NamedJob,
} from '../../../src/slurm/registration.ts';
import { createScheduler, parseHeld, parseRuns, parseSettings } from '../../../src/slurm/scheduler.ts';

const variables = {
  SLURM_CLUSTER_NAME: 'hpc',
  SLURM_JOB_ID: '12',
  SLURM_JOB_UID: '5',
  SLURM_JOB_GID: '60',
  SLURM_JOB_USER: 'games',
  SLURM_JOB_GROUP: 'games',
  SLURM_JOB_ACCOUNT: '(null)',
  SLURM_JOB_PARTITION: 'gpu',
  SLURM_JOB_NODELIST: 'n[1-2]',
  SLURM_JOB_RESTART_COUNT: '1',
};
const request = (changes: Readonly<Record<string, string>> = {}): HookRequest => ({
  verb: 'register',
  variables: new Map(Object.entries({ ...variables, ...changes })),
});
const namedJob = (changes: Readonly<Record<string, string>> = {}): NamedJob => {
  const job = readStartingJob(request(changes), 'hpc');
  if (!hasNames(job)) throw new Error('its names are not known');
  return job;
};
const run = {
  jobId: 12,
  uid: 5,
  start: 1_700_000_000,
  endsAt: 0,
  submitted: 1_699_999_000,
  restarts: 1,
  isStarting: true,
  canBeHeld: true,
  name: '12',
  state: undefined,
  nodes: 4,
  qos: '',
};
const site = {
  cluster: 'hpc',
  audience: 'leasehold',
  accountingEnforced: false,
  qosEnforced: false,
  now: 1_700_000_001_500,
};
const enforced = { ...site, accountingEnforced: true, qosEnforced: true };

describe('a registration', () => {
  it.for([
    { SLURM_CLUSTER_NAME: 'other' },
    { SLURM_JOB_ID: '' },
    { SLURM_JOB_ID: '0' },
    { SLURM_JOB_ID: '12 ' },
    { SLURM_JOB_ID: '12\n13' },
    { SLURM_JOB_ID: '99999999999' },
    { SLURM_JOB_UID: '0' },
    { SLURM_JOB_UID: '-1' },
    { SLURM_JOB_USER: 'root\nx' },
    { SLURM_JOB_USER: '' },
    { SLURM_JOB_USER: 'a:b' },
    { SLURM_JOB_USER: ' root' },
    { SLURM_JOB_GROUP: 'x\u202etoor' },
    { SLURM_JOB_NODELIST: 'n[1-' },
    { SLURM_JOB_NODELIST: '' },
    { SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: 'x' },
    { SLURM_JOB_SLUID: '../x' },
  ])('is refused with %j', (changes) => {
    expect(() => readStartingJob(request(changes), 'hpc')).toThrow(
      expect.objectContaining({ code: 'request_invalid' }),
    );
  });

  it('is refused when the controller knows the job as that of another user, or without a start', () => {
    const job = namedJob();
    expect(() => claimsOf(job, { ...run, uid: 6 }, site)).toThrow(
      expect.objectContaining({ code: 'request_invalid' }),
    );
    expect(() => claimsOf(job, { ...run, start: 0 }, site)).toThrow(
      expect.objectContaining({ code: 'workload_stale' }),
    );
  });

  it.for(['physics\nSLURM_JOB_UID=0', 'a b', '\ufffd', 'x'.repeat(256)])(
    'takes the account %j for none where users write what they like, and is refused where accounting is enforced',
    (name) => {
      const job = namedJob({ SLURM_JOB_ACCOUNT: name, SLURM_JOB_QOS: name });
      expect(claimsOf(job, run, site)).toMatchObject({ account: '', qos: '' });
      expect(() => claimsOf(job, run, { ...site, accountingEnforced: true })).toThrow(
        expect.objectContaining({ code: 'request_invalid' }),
      );
    },
  );

  it('states a QOS only where no user can have any by asking, from whoever tells it', () => {
    const told = namedJob({ SLURM_JOB_QOS: 'high' });
    // Before Slurm 25.11 the hook is told none.
    const [untold, seen] = [namedJob(), { ...run, qos: 'high' }];
    for (const [job, row] of [
      [told, run],
      [untold, seen],
      [told, seen],
    ] as const) {
      expect(claimsOf(job, row, enforced)).toMatchObject({ qos: 'high', accounting_enforced: true });
      for (const where of [site, { ...enforced, qosEnforced: false }])
        expect(claimsOf(job, row, where)).toMatchObject({ qos: '' });
    }
    expect(claimsOf(untold, run, enforced)).toMatchObject({ qos: '' });
  });

  it('says what the protocol says, the same name from every controller', () => {
    const job = namedJob({ SLURM_ARRAY_JOB_ID: '10', SLURM_ARRAY_TASK_ID: '0' });
    expect(claimsOf(job, run, site)).toEqual({
      iss: 'slurm:hpc',
      aud: 'leasehold',
      iat: 1_700_000_001,
      exp: 1_700_000_301,
      jti: 'hpc/12/1700000000',
      cluster: 'hpc',
      job_id: 12,
      start: 1_700_000_000,
      restarts: 1,
      array: { job_id: 10, task_id: 0 },
      uid: 5,
      gid: 60,
      user: 'games',
      group: 'games',
      account: '',
      partition: 'gpu',
      qos: '',
      accounting_enforced: false,
      nodes: ['n1', 'n2'],
      ends_at: 0,
    });
  });

  it('takes a wish from the comment and from the option, and nothing else from either', () => {
    const wish = {
      SPANK_LEASEHOLD: 'db,../x',
      SLURM_JOB_COMMENT: 'x leasehold=key,db\nuid=0 notleasehold=no',
    };
    expect(readStartingJob(request(wish), 'hpc').requested).toEqual(['db', 'key']);
  });

  it('needs no more than a job id at the end', () => {
    const variables = new Map([
      ['SLURM_CLUSTER_NAME', 'hpc'],
      ['SLURM_JOB_ID', '12'],
      ['SLURM_JOB_RESTART_COUNT', '2'],
    ]);
    expect(readEndingJob({ verb: 'end', variables }, 'hpc')).toEqual({ jobId: 12, sluid: undefined });
  });

  it('says the SLUID where there is one, at the start and at the end, and has no other name by it', () => {
    const named = { SLURM_JOB_SLUID: 's5WCZ2JGZ0A100' };
    const { sluid, ...others } = claimsOf(namedJob(named), run, site) as { readonly sluid?: string };
    expect(sluid).toBe(named.SLURM_JOB_SLUID);
    expect(others).toEqual(claimsOf(namedJob(), run, site));
    expect(readEndingJob(request(named), 'hpc')).toEqual({ jobId: 12, sluid });
    for (const none of ['', '(null)', 's0000000000000']) {
      expect(claimsOf(namedJob({ SLURM_JOB_SLUID: none }), run, site)).toEqual(others);
      expect(readEndingJob(request({ SLURM_JOB_SLUID: none }), 'hpc').sluid).toBeUndefined();
    }
    // Whatever it is, the run ends.
    expect(readEndingJob(request({ SLURM_JOB_SLUID: '../x' }), 'hpc').sluid).toBeUndefined();
  });
});

describe('the names of a job', () => {
  it.for([
    { SLURM_JOB_USER: 'EXAMPLE\\kim', SLURM_JOB_GROUP: 'domain users' },
    { SLURM_JOB_USER: '名前', SLURM_JOB_GROUP: 'a'.repeat(255) },
    { SLURM_JOB_USER: 'nobody', SLURM_JOB_UID: '65534' },
    { SLURM_JOB_GROUP: 'nobody', SLURM_JOB_GID: '99' },
    // Of another id than its own: somebody called so.
    { SLURM_JOB_USER: '1001' },
  ])('are those of a directory: %j', (changes) => {
    expect(namedJob(changes)).toMatchObject(
      Object.fromEntries(
        Object.entries(changes).flatMap(([key, value]) =>
          /USER|GROUP/.test(key) ? [[key.slice('SLURM_JOB_'.length).toLowerCase(), value]] : [],
        ),
      ),
    );
  });

  it.for([
    { SLURM_JOB_USER: 'nobody' },
    { SLURM_JOB_GROUP: 'nobody' },
    { SLURM_JOB_USER: '5' },
    { SLURM_JOB_GROUP: '60' },
  ])('are not known where Slurm has none: %j', (changes) => {
    const job = readStartingJob(request(changes), 'hpc');
    expect(hasNames(job)).toBe(false);
    const key = 'SLURM_JOB_USER' in changes ? 'user' : 'group';
    expect(job[key]).toBeUndefined();
    // It may be anybody's: held too often rather than started without.
    const matcher = {
      grant: 'g',
      users: ['kim'],
      groups: ['kim'],
      partitions: [],
      accounts: [],
      qos: [],
      nodes: [],
    };
    const matchers = (more: object) => ({
      received: 0,
      policyRevision: '',
      matchers: [{ ...matcher, ...more }],
    });
    expect(needsSecrets(matchedJob(job), matchers(key === 'user' ? { groups: [] } : { users: [] }))).toBe(
      true,
    );
    expect(needsSecrets(matchedJob(job), matchers({ partitions: ['cpu'] }))).toBe(false);
  });
});

describe('the name of a job for a command', () => {
  it.for<[Readonly<Record<string, string>>, string]>([
    [{}, '12'],
    // The last task of an array: its job id is that of the array.
    [{ SLURM_ARRAY_JOB_ID: '12', SLURM_ARRAY_TASK_ID: '7' }, '12_7'],
    [{ SLURM_ARRAY_JOB_ID: '9', SLURM_ARRAY_TASK_ID: '0' }, '9_0'],
    [{ SLURM_HET_JOB_ID: '11', SLURM_HET_JOB_OFFSET: '1' }, '11'],
  ])('with %j is %s', ([changes, name]) => {
    expect(jobName(readStartingJob(request(changes), 'hpc'))).toBe(name);
  });
});

describe('rows of held jobs', () => {
  const ours = 'leasehold: held until the credential service can be reached; released by itself';
  const requeued = 'job requeued in held state';
  const row = (
    jobId: string,
    [array, task]: readonly [string, string],
    state: string,
    reason: string,
    { comment = ours, priority = '0' } = {},
  ) =>
    [jobId, array, task, state, priority, reason]
      .map((value, index) => value.slice(0, 26).padEnd([14, 14, 14, 6, 14, 26][index] ?? 0))
      .join('')
      .concat(comment, '\n');

  it.for<[...Parameters<typeof row>, string | undefined]>([
    ['1', ['1', 'N/A'], 'PD', requeued, {}, 'waiting'],
    ['1', ['1', 'N/A'], 'PD', 'JobHeldAdmin', {}, 'waiting'],
    ['1', ['1', 'N/A'], 'PD', 'JobHeldUser', {}, 'free'],
    ['1', ['1', 'N/A'], 'PD', 'Resources', { priority: '4242' }, 'free'],
    ['1', ['1', 'N/A'], 'PD', requeued, { priority: '4242' }, 'free'],
    ['1', ['1', 'N/A'], 'PD', 'BadConstraints', {}, 'ending'],
    ['1', ['1', 'N/A'], 'CG', requeued, {}, 'ending'],
    ['1', ['1', 'N/A'], 'R', 'None', { priority: '4242' }, 'running'],
    ['1', ['1', 'N/A'], 'CF', 'None', { priority: '4242' }, 'running'],
    ['1', ['1', 'N/A'], 'CA', requeued, {}, undefined],
    ['1', ['1', 'N/A'], 'PD', requeued, { comment: `${ours} no more` }, undefined],
    ['1', ['1', 'N/A'], 'PD', requeued, { comment: 'leasehold: released' }, undefined],
    ['1', ['1', 'N/A'], 'PD', requeued, { comment: '' }, undefined],
  ])('are read by comment, state, reason and priority (%#)', ([job, array, state, reason, more, is]) => {
    expect(parseHeld(row(job, array, state, reason, more)).get('1')).toBe(is);
  });

  it('name a task of an array by its array', () => {
    expect([...parseHeld(row('9', ['3', '4'], 'PD', requeued))]).toEqual([['3_4', 'waiting']]);
  });
});

it('a controller that does not answer says nothing about what is held', async () => {
  const scheduler = createScheduler({ squeue: '/bin/false', scontrol: '/bin/false' });
  await expect(scheduler.held(new AbortController().signal)).rejects.toMatchObject({
    code: 'workload_stale',
  });
});

describe('rows of squeue', () => {
  const row = (...values: readonly string[]) =>
    [14, 14, 24, 24, 6, 6, 6, 24, 8, 8, 14, 14, 66]
      .map((width, at) => (values[at] ?? '').padEnd(width))
      .join('');

  it('are numbers of fixed width', () => {
    const text = row('12', '5', '1700000000', 'N/A', 'CF', '1', '1', '1699999000', '1', '4');
    expect(parseRuns(`${text}\n`)).toEqual([run]);
    expect(parseRuns(row('12', '5', 'N/A', '1700000009', 'CG', '1', '0', 'N/A', '0'))).toEqual([
      {
        jobId: 12,
        uid: 5,
        start: 0,
        endsAt: 1_700_000_009,
        submitted: 0,
        restarts: 0,
        isStarting: false,
        canBeHeld: false,
        name: '12',
        state: undefined,
        nodes: 0,
        qos: '',
      },
    ]);
  });

  it('are of what can be held where it is a batch job that allows it: srun and salloc cannot wait', () => {
    const canBeHeld = (batch: string, requeue: string) =>
      parseRuns(row('12', '5', '1', '2', 'CF', batch, requeue))[0]?.canBeHeld;
    expect([canBeHeld('1', '1'), canBeHeld('1', '0'), canBeHeld('0', '1'), canBeHeld('0', '0')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('tell the QOS, where it is a name and whole', () => {
    const qosOf = (text: string) =>
      parseRuns(row('12', '5', '1', '2', 'R', '1', '1', '1', '0', '1', 'N/A', 'N/A', text))[0]?.qos;
    expect([qosOf('high'), qosOf('a_b-2'), qosOf('x'.repeat(65))]).toEqual(['high', 'a_b-2', 'x'.repeat(65)]);
    for (const text of ['', 'N/A', '(null)', 'a b', 'x'.repeat(66)])
      expect([text, qosOf(text)]).toEqual([text, '']);
  });

  it('tell how a command names the run, and the state by which it may be cancelled', () => {
    const read = (state: string, arrayId: string, taskId: string) => {
      const [found] = parseRuns(row('12', '5', '1', '2', state, '1', '1', '1', '0', '1', arrayId, taskId));
      return [found?.name, found?.state];
    };
    expect(read('R', '12', 'N/A')).toEqual(['12', 'RUNNING']);
    // The last task of an array has the job id of the whole array.
    expect(read('R', '12', '3')).toEqual(['12_3', 'RUNNING']);
    expect(read('S', '10', '0')).toEqual(['10_0', 'SUSPENDED']);
    for (const state of ['CF', 'CG', 'SI', 'ST', 'SO']) expect(read(state, '10', '1')[1]).toBeUndefined();
  });

  it('are runs in every state but those without resources', () => {
    const isRun = (state: string) => parseRuns(row('12', '5', '1', '2', state)).length === 1;
    // SI: of a running job in the moment of a signal, which no squeue --states=RUNNING has.
    expect(['R', 'CF', 'S', 'ST', 'CG', 'RS', 'SI', 'new'].filter((state) => !isRun(state))).toEqual([]);
    expect(['PD', 'RQ', 'RH', 'CD', 'CA', 'F', 'TO', 'NF', 'PR', 'OOM'].filter(isRun)).toEqual([]);
  });

  it.for(['x', row('12', 'root', '1', '2'), `${row('12', '5', '1', '2')}more`, row('', '5')])(
    'are refused as a whole when one is %j',
    (text) => {
      expect(() => parseRuns(text)).toThrow(expect.objectContaining({ code: 'workload_stale' }));
    },
  );
});

describe('settings of the scheduler', () => {
  const flags = (value: string) =>
    parseSettings(`Foo = Alloc\nPrologFlags             = ${value}\nPropagatePrioProcess = 0\n`)
      .prologsAtStart;

  it('tell whether each node of a run begins its prolog at once', () => {
    for (const value of ['', '(null)', 'Serial', 'NoHold', 'DeferBatch,Serial'])
      expect([value, flags(value)]).toEqual([value, false]);
    expect(parseSettings('').prologsAtStart).toBe(false);
    for (const value of ['Alloc', 'Alloc,Contain,X11', 'Serial,Contain'])
      expect([value, flags(value)]).toEqual([value, true]);
  });

  it('tell whether accounts say something', () => {
    const enforced = (value: string) =>
      parseSettings(`AccountingStorageEnforce = ${value}\n`).accountingEnforced;
    expect(['', 'none', 'wckeys', 'nojobs'].filter(enforced)).toEqual([]);
    expect(['associations', 'wckeys,limits', 'qos', 'all'].filter((one) => !enforced(one))).toEqual([]);
  });

  it('tell whether a QOS says something: no user has one that his association may not have', () => {
    const enforced = (value: string) => parseSettings(`AccountingStorageEnforce = ${value}\n`).qosEnforced;
    expect(['', 'none', 'associations', 'associations,limits,safe', 'wckeys'].filter(enforced)).toEqual([]);
    expect(['qos', 'associations,limits,qos', 'all'].filter((one) => !enforced(one))).toEqual([]);
  });
});

describe('matchers', () => {
  const job = readStartingJob(request(), 'hpc');
  const any: RunMatcher = { users: [], groups: [], partitions: [], accounts: [], qos: [], nodes: [] };
  const needs = (matcher: Partial<RunMatcher>, of = job) =>
    needsSecrets(matchedJob(of), { matchers: [{ ...any, ...matcher }] });

  it('ask for every list that is not empty, with * for any run of characters', () => {
    expect(needs({})).toBe(true);
    expect(needs({ users: ['alice', 'g*s'] })).toBe(true);
    expect(needs({ users: ['g*z*s'] })).toBe(false);
    expect(needs({ users: ['games*games'] })).toBe(false);
    expect(needs({ partitions: ['gpu'], users: ['alice'] })).toBe(false);
    expect(needs({ accounts: ['*'] })).toBe(true);
    // Not told: it may be any.
    expect(needs({ qos: ['high'] })).toBe(true);
    const low = readStartingJob(request({ SLURM_JOB_QOS: 'low' }), 'hpc');
    expect([needs({ qos: ['high'] }, low), needs({ qos: ['low'] }, low)]).toEqual([false, true]);
  });

  it('ask for all nodes of a run, and for tasks of arrays or what is none', () => {
    expect(needs({ nodes: ['n*'] })).toBe(true);
    expect(needs({ nodes: ['n2', 'n1'] })).toBe(true);
    expect(needs({ nodes: ['n1'] })).toBe(false);
    expect(needs({ nodes: ['gpu*'] })).toBe(false);
    const task = readStartingJob(request({ SLURM_ARRAY_JOB_ID: '10', SLURM_ARRAY_TASK_ID: '0' }), 'hpc');
    expect([needs({ array: true }), needs({ array: false })]).toEqual([false, true]);
    expect([needs({ array: true }, task), needs({ array: false }, task)]).toEqual([true, false]);
    // What a node is not told may be.
    const unknown = { ...matchedJob(task), isArrayTask: undefined };
    for (const array of [true, false])
      expect(needsSecrets(unknown, { matchers: [{ ...any, array }] })).toBe(true);
  });

  it('leave jobs alone that nothing is granted to, unless they ask', () => {
    const none = { received: 0, policyRevision: '1', matchers: [] };
    expect(needsSecrets(matchedJob(job), none)).toBe(false);
    expect(needsSecrets({ ...matchedJob(job), requested: ['db'] }, none)).toBe(true);
  });
});
