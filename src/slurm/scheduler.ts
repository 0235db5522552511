import { execFile } from 'node:child_process';
import { LeaseholdError } from '../platform/error.ts';
import { createLimited } from '../platform/limited.ts';
import { type Unreleased, unreleased } from './unreleased.ts';

/**
 * What a command of Slurm takes for one job and no other: `<array>_<task>`, or the job id (of a heterogeneous job, that of its first component).
 * The last task of an array to start has the job id of the whole array: by it, all tasks would be put back or cancelled, those that run too.
 */
export type JobName = string;

/** One run as the controller has it now. Every field is one that no user can write. */
export interface ScheduledRun {
  readonly jobId: number;
  readonly uid: number;
  /** Seconds since the Unix epoch. */
  readonly start: number;
  /** By the time limit, seconds since the Unix epoch; 0 without one. */
  readonly endsAt: number;
  /** When its job was submitted, or put back into the queue last; seconds since the Unix epoch, 0 when that is not told. */
  readonly submitted: number;
  /** How often the job was put back; while a run ends for that, one more already. */
  readonly restarts: number;
  /** It has resources and may still start: not one that ends. */
  readonly isStarting: boolean;
  /** Slurm may put it back into the queue: a batch job that allows it. */
  readonly canBeHeld: boolean;
  readonly name: JobName;
  /** As scancel calls its state; undefined for one that is being set up, signalled or ended in this moment. */
  readonly state: 'RUNNING' | 'SUSPENDED' | undefined;
  readonly nodes: number;
  /** The name that the site gave it; empty where there is none, or none that can be told whole. */
  readonly qos: string;
}

/** Of slurm.conf, what the signer goes by. */
export interface SchedulerSettings {
  /** Only associations that the site has made are accepted, so that an account says something. */
  readonly accountingEnforced: boolean;
  /** Only a QOS that the association may have is accepted: without it any user has any QOS of the site's by asking (`_determine_and_validate_qos` of slurmctld). */
  readonly qosEnforced: boolean;
  /** Every node of a run begins its prolog before the run counts as running; otherwise with its first step there, which may never come. */
  readonly prologsAtStart: boolean;
}

/**
 * A job with our comment. `waiting`: held by the command that we hold with. `ending`: it ends in order to wait, or waits for another reason and may yet be
 * ours. `free`: it waits in the queue, or its user holds it. `running`: it has resources.
 */
export type Held = 'waiting' | 'ending' | 'free' | 'running';

/** The few things that the signer asks of Slurm and tells it. */
export interface Scheduler {
  /** Every run that has resources, suspended and completing ones included. */
  runs(signal: AbortSignal): Promise<readonly ScheduledRun[]>;
  /** One of the latest answer to a question that was asked after this call: callers at the same time share one question. */
  run(jobId: number, signal: AbortSignal): Promise<ScheduledRun | undefined>;
  settings(signal: AbortSignal): Promise<SchedulerSettings>;
  /** Puts the run back into the queue, held. */
  hold(name: JobName, signal: AbortSignal): Promise<void>;
  /** What our comment stands on: not what is gone, nor what an administrator has written another comment on. */
  held(signal: AbortSignal): Promise<ReadonlyMap<JobName, Held>>;
  /**
   * Those that Slurm would not let go, each with its words; all others are released, and lose our comment. Throws when it cannot be told which. One that
   * was released and has its comment yet, for the signer was killed in between, is `free` or `running` when it is looked at again.
   */
  release(names: readonly JobName[], signal: AbortSignal): Promise<Unreleased>;
  /** Takes our comment from jobs, as far as Slurm lets us. */
  disown(names: readonly JobName[], signal: AbortSignal): Promise<void>;
  cancel(name: JobName, signal: AbortSignal): Promise<void>;
  /**
   * Cancels this run while it is in the state that it was seen in: one that was put back in the meantime waits in the queue, and is left alone. Says why
   * in the job's admin comment, where Slurm takes it. False when there was nothing to cancel any more.
   */
  cancelRun(run: ScheduledRun, why: string, signal: AbortSignal): Promise<boolean>;
}

/** One that fills it may be the beginning of a longer name. */
const qosWidth = 66;
const qosName = /^[A-Za-z0-9._@+-]+$/;
// Of fixed width: numbers, and at the end a name that the site made. Texts that users choose (name, comment, account) can hold line breaks and forge rows.
const widths = {
  JobID: 14,
  UserID: 14,
  StartTime: 24,
  EndTime: 24,
  StateCompact: 6,
  BatchFlag: 6,
  Requeue: 6,
  SubmitTime: 24,
  RestartCnt: 8,
  NumNodes: 8,
  ArrayJobID: 14,
  ArrayTaskID: 14,
  QOS: qosWidth,
} as const;
const formatOf = (columns: Readonly<Record<string, number>>): string =>
  Object.entries(columns)
    .map(([field, width]) => `${field}:${width}`)
    .join(',');
const cut = (line: string, columns: Readonly<Record<string, number>>): readonly string[] => {
  let at = 0;
  return Object.values(columns).map((width) => line.slice(at, (at += width)).trim());
};
const widthOf = (columns: Readonly<Record<string, number>>): number =>
  Object.values(columns).reduce((sum, width) => sum + width, 0);
const requeuedAndHeld = 'job requeued in held state';
// The comment stands last, and only administrators write it. Of the reason no more than Slurm's own words: what plugins say may hold a user's.
const heldWidths = {
  JobID: 14,
  ArrayJobID: 14,
  ArrayTaskID: 14,
  StateCompact: 6,
  PriorityLong: 14,
  Reason: requeuedAndHeld.length,
} as const;
/** What Slurm says of a job that is held by the command that we hold with, at first and once its scheduler has looked at it. */
const ourReasons: readonly string[] = [requeuedAndHeld, 'JobHeldAdmin'];
/**
 * Compact states of jobs that have no resources, or none any more. Taken out here: squeue compares the state that it filters by for equality, so that
 * a running job in the moment of a signal, or of another mark of Slurm's, would seem gone. A state that is not known here counts as a run.
 */
const withoutResources = new Set([
  'PD',
  'RQ',
  'RH',
  'RF',
  'RD',
  'RV',
  'SE',
  'SO',
  'CD',
  'CA',
  'F',
  'TO',
  'NF',
  'PR',
  'BF',
  'DL',
  'OOM',
  'LF',
]);
const holdComment = 'leasehold: held until the credential service can be reached; released by itself';
const releasedComment = 'leasehold: released';
const timeoutMs = 15_000;
/** In one command, which waits for the controller once for each: within its deadline on a busy one. */
const mostReleased = 256;
/** Hundreds of tasks of an array may start at once while no broker answers, and each command has its deadline. */
const mostHolds = 16;
const maxBytes = 256 * 1024 * 1024;

interface CommandEnd {
  readonly failure: Error | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const whole = (text = ''): number => (/^\d{1,10}$/.test(text) ? Number(text) : 0);

const nameOf = (jobId: string, arrayId = '', taskId = ''): JobName =>
  [arrayId, taskId].every((value) => /^\d{1,10}$/.test(value)) ? `${arrayId}_${taskId}` : jobId;

/** Runs among all jobs. Throws `workload_stale` when a line is none of ours. */
export function parseRuns(text: string): readonly ScheduledRun[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const columns = cut(line, widths);
      const [jobId = '', uid = '', start, end, state = '', batch, requeue, submitted, restarts, nodes] =
        columns;
      const [arrayId, taskId, qos = ''] = columns.slice(-3);
      const isRow = [jobId, uid].every((value) => /^\d{1,10}$/.test(value)) && line.length <= widthOf(widths);
      if (!isRow) throw strange('a row of squeue is not understood');
      if (withoutResources.has(state)) return [];
      return [
        {
          jobId: Number(jobId),
          uid: Number(uid),
          start: whole(start),
          endsAt: whole(end),
          submitted: whole(submitted),
          restarts: whole(restarts),
          isStarting: state !== 'CG',
          canBeHeld: batch === '1' && requeue === '1',
          name: nameOf(jobId, arrayId, taskId),
          state: state === 'R' ? 'RUNNING' : state === 'S' ? 'SUSPENDED' : undefined,
          nodes: whole(nodes),
          qos: qosName.test(qos) && qos.length < qosWidth ? qos : '',
        },
      ];
    });
}

/** Rows of jobs that are not over, with our comment; rows of all others say nothing. */
export function parseHeld(text: string): ReadonlyMap<JobName, Held> {
  const held = new Map<JobName, Held>();
  for (const line of text.split('\n')) {
    const [jobId = '', arrayId, taskId, state = '', priority, reason = ''] = cut(line, heldWidths);
    if (line.slice(widthOf(heldWidths)).trim() !== holdComment || !/^\d{1,10}$/.test(jobId)) continue;
    const name = nameOf(jobId, arrayId, taskId);
    if (state === 'PD') {
      // A priority or a hold that is not ours is the word of a person: releasing it would overrule that.
      const isFree = priority !== '0' || reason === 'JobHeldUser';
      held.set(name, isFree ? 'free' : ourReasons.includes(reason) ? 'waiting' : 'ending');
    } else if (['CG', 'RQ', 'RH'].includes(state)) held.set(name, 'ending');
    else if (!withoutResources.has(state)) held.set(name, 'running');
  }
  return held;
}

/** Of all settings, as scontrol shows them. */
export function parseSettings(text: string): SchedulerSettings {
  const names = (key: string): readonly string[] =>
    (new RegExp(`^${key}\\s*=[^\\S\\n]*(\\S*)`, 'm').exec(text)?.[1] ?? '').split(',');
  const has = (key: string, ...any: readonly string[]) => names(key).some((name) => any.includes(name));
  return {
    accountingEnforced: has('AccountingStorageEnforce', 'associations', 'limits', 'qos', 'safe', 'all'),
    qosEnforced: has('AccountingStorageEnforce', 'qos', 'all'),
    prologsAtStart: has('PrologFlags', 'Alloc', 'Contain'),
  };
}

export function createScheduler(options: {
  readonly squeue: string;
  readonly scontrol: string;
  /** SLURM_CONF, where it is not the usual file. */
  readonly conf?: string;
}): Scheduler {
  const limited = createLimited(mostHolds);
  const env = {
    PATH: '/usr/bin:/bin',
    // Seconds since the epoch: a local time stands twice when clocks go back.
    SLURM_TIME_FORMAT: '%s',
    ...(options.conf === undefined ? {} : { SLURM_CONF: options.conf }),
  };
  const end = (program: string, args: readonly string[], signal: AbortSignal): Promise<CommandEnd> =>
    new Promise((resolve, reject) => {
      execFile(
        program,
        [...args],
        { env, signal, timeout: timeoutMs, maxBuffer: maxBytes },
        (error, stdout, stderr) => {
          if (signal.aborted) reject(new LeaseholdError('cancelled'));
          else resolve({ failure: error ?? undefined, stdout, stderr });
        },
      );
    });
  const call = async (program: string, args: readonly string[], signal: AbortSignal): Promise<string> => {
    const { failure, stdout } = await end(program, args, signal);
    if (failure !== undefined) throw strange('a command of the scheduler has failed', failure);
    return stdout;
  };
  const control = async (args: readonly string[], signal: AbortSignal): Promise<void> => {
    await call(options.scontrol, args, signal);
  };

  const scancel = options.scontrol.replace(/scontrol$/, 'scancel');

  const runs = async (signal: AbortSignal): Promise<readonly ScheduledRun[]> =>
    parseRuns(
      await call(
        options.squeue,
        // Or 2,048 nodes would be `2K`.
        ['--noheader', '--all', '--noconvert', '--states=all', `--Format=${formatOf(widths)}`],
        signal,
      ),
    );

  const disown = async (names: readonly JobName[], signal: AbortSignal): Promise<void> => {
    for (let at = 0; at < names.length; at += mostReleased) {
      const some = names.slice(at, at + mostReleased).join(',');
      // Some may be over by now. What keeps its comment is seen again.
      await end(options.scontrol, ['update', `JobId=${some}`, `AdminComment=${releasedComment}`], signal);
    }
  };

  type Answer = Promise<ReadonlyMap<number, ScheduledRun>>;
  let asked: Answer = Promise.resolve(new Map());
  let next: Answer | undefined;
  /** The question under way may have left before the caller's job was there; the next one has not. */
  const nextAnswer = (signal: AbortSignal): Answer => {
    next ??= asked
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        asked = runs(signal).then((all) => new Map(all.map((one) => [one.jobId, one])));
        return asked;
      });
    return next;
  };

  return {
    runs,
    run: async (jobId, signal) => (await nextAnswer(signal)).get(jobId),
    settings: async (signal) => parseSettings(await call(options.scontrol, ['show', 'config'], signal)),
    // In this order: Slurm takes no comment for a job that is over, but would put it back into the queue, though its user has cancelled it.
    hold: (name, signal) =>
      limited(async () => {
        await control(['update', `JobId=${name}`, `AdminComment=${holdComment}`], signal);
        await control(['requeuehold', name], signal);
      }),
    // All jobs in one answer: for an array or a heterogeneous job, squeue --jobs would answer with all its parts, and for one that it has
    // forgotten with the same failure as for a controller that is away.
    held: async (signal) => {
      const format = `${formatOf(heldWidths)},admin_comment:${holdComment.length + 1}`;
      const args = ['--noheader', '--all', '--states=all', `--Format=${format}`];
      return parseHeld(await call(options.squeue, args, signal));
    },
    release: async (names, signal) => {
      const all = new Map<JobName, string>();
      for (let at = 0; at < names.length; at += mostReleased) {
        const some = names.slice(at, at + mostReleased);
        const { failure, stderr } = await end(options.scontrol, ['release', some.join(',')], signal);
        const kept = failure === undefined ? new Map<JobName, string>() : unreleased(stderr, some);
        if (kept === undefined) throw strange('a command of the scheduler has failed', failure);
        kept.forEach((why, name) => all.set(name, why));
        // After it: a job that has lost its comment and is held yet would wait for ever.
        await disown(
          some.filter((name) => !kept.has(name)),
          signal,
        );
      }
      return all;
    },
    disown,
    cancel: async (name, signal) => {
      await call(scancel, [name], signal);
    },
    cancelRun: async ({ name, state }, why, signal) => {
      if (state === undefined) return false;
      // Before: Slurm takes none for a job that is over. The run is ended without it, too.
      await control(['update', `JobId=${name}`, `AdminComment=leasehold: ${why}`], signal).catch(
        () => undefined,
      );
      const { failure, stderr } = await end(scancel, ['--verbose', `--state=${state}`, name], signal);
      if (/No active jobs match/.test(stderr)) return false;
      if (failure !== undefined) throw strange('a command of the scheduler has failed', failure);
      return stderr.split('\n').includes(`scancel: Terminating job ${name}`);
    },
  };
}

function strange(detail: string, cause?: unknown): LeaseholdError {
  return new LeaseholdError('workload_stale', { detail, cause });
}
