import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Administrator } from './administrator.ts';
import type { BrokerLine } from './broker-line.ts';
import { type DemoFiles, writeSidecarFiles } from './demo-files.ts';
import { valueAt } from './parts/json.ts';
import { demoFailure, filesIn, generationIn, type Login, readLogin, waitUntil } from './observe.ts';
import type { Programs } from './programs.ts';
import { type DemoReport, masked } from './report.ts';

/** Everything that takes part in the demo. */
export interface Stage {
  readonly files: DemoFiles;
  readonly programs: Programs;
  readonly broker: BrokerLine;
  /** host:port of the listener for workloads. */
  readonly workloads: string;
  readonly administrator: Administrator;
  readonly report: DemoReport;
  /** Whether the account works now, as the database says. */
  readonly canLogin: (login: Login) => Promise<boolean>;
  /** Names of the accounts that the database has now; undefined where there is no database to ask. */
  readonly accounts: () => Promise<readonly string[] | undefined>;
  readonly stepTimeoutMs: number;
  readonly signal: AbortSignal;
}

const bundle = 'training';
const trainer = 'trainer-0';
const stranger = 'stranger-0';

/** The life of one pod's secrets, each step checked before it is shown. Throws what the demo failed with. */
export async function play(stage: Stage): Promise<void> {
  const folder = await deliver(stage);
  const first = readLogin(folder);
  const second = await rotate(stage, folder, first);
  await refuseStranger(stage);
  await revoke(stage, folder, second);
  await reportAudit(stage.administrator, stage.report);
}

/** The last step of every demo. */
export async function reportAudit(administrator: Administrator, report: DemoReport): Promise<void> {
  const verdict = await administrator.verifyAudit();
  report.step('audit', 'the chain of records verifies from the first to the last', {
    records: valueAt(verdict, 'records'),
  });
}

/** Resolves with the folder that holds the files. */
async function deliver(stage: Stage): Promise<string> {
  const { report, stepTimeoutMs: timeoutMs, signal } = stage;
  const { uid, token } = await stage.broker.addPod(trainer, 'trainer');
  const sidecar = startSidecar(stage, trainer, token);
  const folder = join(sidecar.target, bundle);
  await waitUntil({
    otherwise: 'the files were not delivered',
    condition: () => generationIn(folder) === 1,
    timeoutMs,
    signal,
  });
  report.step('identity', `pod ml/${trainer} proved itself with its token: spiffe://…/pod/${uid}`, {
    pod: `ml/${trainer}`,
    uid,
  });
  const login = readLogin(folder);
  await expectLogin(stage, login, true);
  const names = filesIn(folder);
  const roles = await rolesAre(stage, [login.username]);
  report.step('files', `${names.join(', ')} are there; password ${masked(login.password)}${roles.text}`, {
    files: names,
    username: login.username,
    ...roles.facts,
  });
  return folder;
}

/** Resolves with the new account. */
async function rotate(stage: Stage, folder: string, old: Login): Promise<Login> {
  const { report, stepTimeoutMs: timeoutMs, signal } = stage;
  await stage.administrator.rotate(`ml/${trainer}`);
  await waitUntil({
    otherwise: 'the rotation was not delivered',
    condition: () => generationIn(folder) === 2,
    timeoutMs,
    signal,
  });
  const fresh = readLogin(folder);
  await expectLogin(stage, fresh, true);
  await waitUntil({
    otherwise: 'the old password still works',
    condition: async () =>
      !(await stage.canLogin(old)) && (await stage.accounts())?.includes(old.username) !== true,
    timeoutMs,
    signal,
  });
  await expectLogin(stage, fresh, true);
  const roles = await rolesAre(stage, [fresh.username]);
  report.step(
    'rotation',
    `new password ${masked(fresh.password)}; the old one went after the new one was in place${roles.text}`,
    { generation: 2, username: fresh.username, gone: old.username, ...roles.facts },
  );
  return fresh;
}

async function refuseStranger(stage: Stage): Promise<void> {
  const { files, programs, report, stepTimeoutMs: timeoutMs, signal } = stage;
  const { token } = await stage.broker.addPod(stranger, 'stranger');
  const sidecar = startSidecar(stage, stranger, token);
  await waitUntil({
    otherwise: 'the refusal has no audit record',
    condition: () => readFileSync(files.audit, 'utf8').includes('"code":"not_granted"'),
    timeoutMs,
    signal,
  });
  if (filesIn(join(sidecar.target, bundle)).length > 0) throw demoFailure('a stranger got files');
  await programs.end(sidecar.process);
  report.step('refused', `pod ml/${stranger} has no grant: no files, one audit record`, {
    pod: `ml/${stranger}`,
    code: 'not_granted',
  });
}

async function revoke(stage: Stage, folder: string, held: Login): Promise<void> {
  const { report, stepTimeoutMs: timeoutMs, signal } = stage;
  const answer = await stage.administrator.revoke(`ml/${trainer}`);
  const settlements = settlementsIn(answer);
  if (settlements.length === 0 || settlements.some((one) => one !== 'confirmed'))
    throw demoFailure(`the revocation is not confirmed: ${settlements.join(', ')}`);
  await expectLogin(stage, held, false);
  const roles = await rolesAre(stage, []);
  report.step(
    'revoke',
    `revoked and confirmed at the backend: seen, revoked by us, not seen any more${roles.text}`,
    { confirmed: settlements.length, outstanding: 0, gone: held.username, ...roles.facts },
  );
  await waitUntil({
    otherwise: 'the files are still there',
    // Their names go a moment after what they lead to.
    condition: () => filesIn(folder).length === 0,
    timeoutMs,
    signal,
  });
  report.step('wiped', 'the files are gone', { files: filesIn(folder) });
}

/** Where there is a database: it has these accounts and no others. */
async function rolesAre(
  stage: Stage,
  expected: readonly string[],
): Promise<{ readonly text: string; readonly facts: Readonly<Record<string, unknown>> }> {
  const roles = await stage.accounts();
  if (roles === undefined) return { text: '', facts: {} };
  if (roles.join() !== expected.join())
    throw demoFailure(`PostgreSQL has the roles ${roles.join(', ')} in place of ${expected.join(', ')}`);
  return {
    text: `\n${' '.repeat(19)}PostgreSQL has ${roles.length === 0 ? 'no role of ours any more' : roles.join(', ')}`,
    facts: { roles },
  };
}

function startSidecar(stage: Stage, pod: string, token: string) {
  const { config, target } = writeSidecarFiles(stage.files, {
    name: pod,
    token,
    broker: stage.workloads,
    bundle,
  });
  return { target, process: stage.programs.start(['sidecar', '--config', config]) };
}

/** What became of each credential, out of `leasehold revoke --output json`. */
function settlementsIn(answer: unknown): readonly string[] {
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  return list(valueAt(answer, 'sessions'))
    .flatMap((session) => list(valueAt(session, 'credentials')))
    .map((credential) => String(valueAt(credential, 'settlement')));
}

async function expectLogin(stage: Stage, login: Login, works: boolean): Promise<void> {
  if ((await stage.canLogin(login)) !== works)
    throw demoFailure(works ? 'a delivered password does not work' : 'a revoked password works');
}
