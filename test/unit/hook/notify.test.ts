import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildHook } from '../../../scripts/build-hook.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';

/** No other process of this machine has that one. */
const folder = `/run/leasehold/runs/7-${1_700_000_000 + process.pid}`;
const owner = 12_345;

let home: TempFolder;
let notifier = '';
const children = new Set<ChildProcess>();

interface Told {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

const notify = (args: readonly string[] = [folder], uid?: number): Promise<Told> =>
  new Promise((resolve) => {
    const user = uid === undefined ? {} : { uid, gid: uid };
    execFile(notifier, args, { cwd: '/', env: {}, ...user }, (error, stdout, stderr) =>
      resolve({ status: error?.code ?? 0, stdout, stderr }),
    );
  });

/** A shell that says `ready`, and `told` for each signal that it has a trap for. */
const start = async (options: {
  readonly env: Readonly<Record<string, string>>;
  readonly trap?: string;
  readonly uid?: number;
  /** In place of that shell; it says `ready` and `told` of its own. */
  readonly command?: readonly string[];
}) => {
  const trap = options.trap === undefined ? '' : `trap 'echo told' ${options.trap};`;
  // Waits without a child: between fork and exec that would be a second process with the trap.
  const shell = ['/bin/sh', '-c', `${trap} echo ready; while :; do read -r line; done`];
  const [program = '', ...args] = options.command ?? shell;
  const child = spawn(program, args, {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', ...options.env },
    uid: options.uid ?? owner,
    gid: owner,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  children.add(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const said = (text: string) => vi.waitFor(() => expect(output).toBe(text));
  await said('ready\n');
  return { said, isAlive: () => child.exitCode === null && child.signalCode === null };
};

const wanting = (name: string) => ({ LEASEHOLD_DIR: folder, LEASEHOLD_SIGNAL: name });

beforeAll(async () => {
  home = await createTempFolder({ name: 'notify' });
  await chmod(home.path, 0o711);
  // The sanitizers turn any fault of memory or arithmetic into a status that is not 0.
  const built = buildHook({ folder: home.path, sanitize: true });
  if (!built.built) {
    if (process.env['LEASEHOLD_REQUIRE_PARTS'] === '1') throw new Error(built.why);
    process.stderr.write(`\nSKIPPED: leasehold-notify: ${built.why}\n\n`);
    return;
  }
  notifier = join(home.path, 'leasehold-notify');
});

beforeEach((context) => context.skip(notifier === '', 'there is no leasehold-notify'));

afterEach(() => {
  children.forEach((child) => child.kill('SIGKILL'));
  children.clear();
});

afterAll(() => home[Symbol.asyncDispose]());

describe('leasehold-notify', () => {
  it.each([[[]], [['run']], [[folder, folder]]])('refuses %j with its usage', async (args) => {
    expect(await notify(args)).toEqual({
      status: 2,
      stdout: '',
      stderr: 'usage: leasehold-notify FOLDER\n',
    });
  });

  // Becoming another user is root's.
  describe.skipIf(process.getuid?.() !== 0)('as the user of a run', () => {
    it.each([
      ['USR1', 'USR1'],
      ['HUP', 'HUP'],
      ['SIGWINCH', 'WINCH'],
    ])('tells who asked for %s, once', async (name, trap) => {
      const program = await start({ env: wanting(name), trap });
      expect(await notify([folder], owner)).toEqual({ status: 0, stdout: '1\n', stderr: '' });
      await program.said('ready\ntold\n');
    });

    it('tells nobody of another run, nobody who did not ask, and nobody who asked for what is no such signal', async () => {
      const others = await Promise.all(
        [
          { LEASEHOLD_DIR: `${folder}0`, LEASEHOLD_SIGNAL: 'USR1' },
          { LEASEHOLD_DIR: folder },
          { LEASEHOLD_SIGNAL: 'USR1' },
          wanting('KILL'),
          wanting('USR1 '),
          wanting(''),
          wanting('10'),
          { LEASEHOLD_DIR: 'x'.repeat(10_000), LEASEHOLD_SIGNAL: 'USR1' },
          { ...wanting('USR1'), LEASEHOLD_DIR: `${folder}/../${basename(folder)}` },
        ].map((env) => start({ env, trap: 'USR1' })),
      );
      expect((await notify([folder], owner)).stdout).toBe('0\n');
      for (const other of others) expect(other.isAlive()).toBe(true);
    });

    /** A program with a handler for USR1 that forks one like itself, which goes on as that code says; it says how that one has ended. */
    const startFamily = async (child: string) => {
      const code = `use POSIX (); $| = 1; $SIG{USR1} = sub { syswrite STDOUT, "told\\n" };
        my $child = fork // die; if (!$child) { ${child} }
        syswrite STDOUT, "ready\\n"; 1 until waitpid($child, 0) == $child; syswrite STDOUT, "ended $?\\n"`;
      return start({ env: wanting('USR1'), command: ['/usr/bin/perl', '-e', code] });
    };

    it('tells one that was forked a moment ago only once it is the program that it becomes', async () => {
      const counts = new Set<string>();
      // One that takes a second to become it, as on a busy machine, is told by the handler that it has so long.
      for (let tries = 0; tries < 5 && !counts.has('1\n'); tries += 1) {
        const family = await startFamily(`select undef, undef, undef, 0.3; exec '/bin/sleep', 3`);
        const { stdout } = await notify([folder], owner);
        counts.add(stdout);
        await family.said(`ready\n${'told\n'.repeat(Number(stdout))}ended 0\n`);
      }
      expect(counts).toContain('1\n');
    });

    it('tells one that stays what it was forked as', async () => {
      const family = await startFamily(
        'while (1) { my $read = sysread STDIN, my $byte, 1; POSIX::_exit(0) if defined $read && $read == 0 }',
      );
      expect((await notify([folder], owner)).stdout).toBe('2\n');
      await family.said('ready\ntold\ntold\n');
    });

    it('finds both variables behind one that is larger than it reads', async () => {
      const program = await start({ env: { A: 'x'.repeat(100_000), ...wanting('USR2') }, trap: 'USR2' });
      expect((await notify([folder], owner)).stdout).toBe('1\n');
      await program.said('ready\ntold\n');
    });

    it('spares who would die of it', async () => {
      const deaf = await start({ env: wanting('HUP') });
      expect((await notify([folder], owner)).stdout).toBe('0\n');
      expect(deaf.isAlive()).toBe(true);
    });

    it('cannot tell a process of another user, whatever that one’s environment says', async () => {
      const foreign = await start({ env: wanting('USR1'), trap: 'USR1', uid: owner + 1 });
      expect(await notify([folder], owner)).toEqual({ status: 0, stdout: '0\n', stderr: '' });
      await foreign.said('ready\n');
    });
  });
});
