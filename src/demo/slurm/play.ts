import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { demoFailure, filesIn, type Login, readLogin, waitUntil } from '../observe.ts';
import type { RealBackend } from '../real-backend.ts';
import { type DemoReport, masked } from '../report.ts';
import { demoNodes, type DemoSite } from './site.ts';

/** An account that every Debian has. */
const user = 'games';
const bundle = 'training';

export interface JobStage {
  readonly site: DemoSite;
  readonly backend: RealBackend;
  readonly auditFile: string;
  readonly report: DemoReport;
  readonly stepTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** The life of one job's secrets, and a job that gets none; each step checked before it is shown. */
export async function playJob(stage: JobStage): Promise<void> {
  const { cluster } = stage.site;
  const job = await cluster.submit(
    user,
    ['-N', String(demoNodes.length)],
    `echo "$LEASEHOLD_DIR"\ngrep -i ^username= "$LEASEHOLD_DIR/${bundle}/database.env"\nsleep 600`,
  );
  const run = await registered(stage, job);
  const login = await delivered(stage, run);
  await seenByJob(stage, job, run, login);
  await refused(stage);
  await ended(stage, job, run, login);
}

const until = (stage: JobStage, otherwise: string, condition: () => boolean | Promise<boolean>) =>
  waitUntil({ otherwise, condition, timeoutMs: stage.stepTimeoutMs, signal: stage.signal });

const runsIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Name of the run's folder. */
async function registered(stage: JobStage, job: number): Promise<string> {
  const find = () => /"run\/([^/"]+\/\d+\/\d+)"/.exec(lineOf(stage, 'run_register'))?.[1];
  await until(stage, 'the job was not registered', () => find() !== undefined);
  const run = find() ?? '';
  if (run.split('/')[1] !== String(job)) throw demoFailure('another job was registered');
  stage.report.step(
    'run',
    `job ${job} of ${user} on ${demoNodes.join(' and ')}, by the controller: run/${run}`,
    {
      job,
      workload: `run/${run}`,
      nodes: demoNodes,
    },
  );
  return run.split('/').slice(1).join('-');
}

function lineOf(stage: JobStage, action: string): string {
  const lines = readFileSync(stage.auditFile, 'utf8').split('\n');
  return lines.find((line) => line.includes(`"action":"${action}"`)) ?? '';
}

async function delivered(stage: JobStage, run: string): Promise<Login> {
  const folders = demoNodes.map((node) => join(stage.site.runsOn(node), run, bundle));
  const [folder = ''] = folders;
  await until(stage, 'the files were not delivered', () =>
    folders.every((one) => existsSync(join(one, 'database.env'))),
  );
  const [login, ...others] = folders.map(readLogin);
  if (login === undefined || others.some(({ password }) => password !== login.password))
    throw demoFailure('the nodes of one run have different logins');
  if (!(await stage.backend.canLogin(login))) throw demoFailure('a delivered password does not work');
  const names = filesIn(folder);
  const mode = (statSync(join(folder, 'database.env')).mode & 0o777).toString(8).padStart(4, '0');
  stage.report.step(
    'files',
    `${names.join(', ')} are on both nodes, ${user}'s own, ${mode}; password ${masked(login.password)}`,
    { files: names, mode, username: login.username },
  );
  return login;
}

async function seenByJob(stage: JobStage, job: number, run: string, login: Login): Promise<void> {
  const output = () => stage.site.cluster.output(job);
  await until(stage, 'the job does not find its files', () => output().includes(`'${login.username}'`));
  if (!output().includes(`/${run}\n`)) throw demoFailure('LEASEHOLD_DIR is not the folder of the run');
  stage.report.step('job', 'it finds them in its folder $LEASEHOLD_DIR, which it can open and not list', {
    job,
  });
}

async function refused(stage: JobStage): Promise<void> {
  const job = await stage.site.cluster.submit(user, ['-p', 'cpu'], 'echo "folder=[$LEASEHOLD_DIR]"');
  const output = () => stage.site.cluster.output(job);
  await until(stage, 'a job without a grant did not run', () => output().includes('folder='));
  if (!output().includes('folder=[]')) throw demoFailure('a job without a grant got files');
  stage.report.step('refused', `job ${job} in the partition cpu has no grant: it runs, and has no files`, {
    job,
  });
}

async function ended(stage: JobStage, job: number, run: string, login: Login): Promise<void> {
  const { site } = stage;
  await site.cluster.cancel(job);
  await until(stage, 'files of an ended job are left', () =>
    demoNodes.every((node) => !runsIn(site.runsOn(node)).includes(run)),
  );
  await until(stage, 'the job does not end', async () =>
    ['', 'CA', 'CD'].includes(await site.cluster.state(job)),
  );
  stage.report.step('ended', `job ${job} is cancelled: the epilog of each node has wiped its files`, { job });
  await until(
    stage,
    'the account of an ended job is left',
    async () => (await stage.backend.accounts()).length === 0,
  );
  if (await stage.backend.canLogin(login)) throw demoFailure('the password of an ended job works');
  stage.report.step('revoked', 'PostgreSQL has no role of ours any more, and the password does not work', {
    gone: login.username,
    roles: [],
  });
}
