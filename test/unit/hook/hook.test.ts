import { spawn } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildHook } from '../../../scripts/build-hook.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';

interface Outcome {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: TempFolder;
let hook = '';
let server: Server | undefined;
const sockets = new Set<Socket>();

const run = (
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly signal?: NodeJS.Signals;
    readonly program?: string;
  } = {},
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(options.program ?? hook, args, {
      env: { ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
    if (options.signal !== undefined) {
      const { signal } = options;
      server?.once('connection', () => child.kill(signal));
    }
  });

/** Listens as a signer or an agent would, and does what the test wants with each connection. */
const serve = (answer: (socket: Socket, request: () => Buffer) => void): Promise<string> =>
  new Promise((resolve) => {
    const path = join(folder.path, 'hook.sock');
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      const pieces: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => pieces.push(chunk));
      answer(socket, () => Buffer.concat(pieces));
    });
    server.listen(path, () => resolve(path));
  });

const whenAsked = (reply: string) => (socket: Socket, request: () => Buffer) =>
  socket.on('data', () => {
    if (request().includes('\0\0') || request().at(-1) === 0) socket.end(reply);
  });

/** As `serve`, for each whole request; what they were is in `asked`, the one that is answered included. */
const serveRequests = async (
  answer: (socket: Socket, count: number) => void,
): Promise<{ readonly path: string; readonly asked: readonly string[] }> => {
  const asked: string[] = [];
  const path = await serve((socket, request) =>
    socket.on('data', () => {
      if (request().includes('\0\0')) answer(socket, asked.push(request().toString()));
    }),
  );
  return { path, asked };
};

beforeAll(async () => {
  folder = await createTempFolder({ name: 'hook' });
  // The sanitizers turn any fault of memory or arithmetic into a status that is not 0.
  const built = buildHook({ folder: folder.path, sanitize: true });
  if (!built.built) {
    if (process.env['LEASEHOLD_REQUIRE_PARTS'] === '1') throw new Error(built.why);
    process.stderr.write(`\nSKIPPED: leasehold-hook: ${built.why}\n\n`);
    return;
  }
  hook = join(folder.path, 'leasehold-hook');
});

afterEach(async () => {
  sockets.forEach((socket) => socket.destroy());
  sockets.clear();
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  server = undefined;
});

afterAll(() => folder[Symbol.asyncDispose]());

describe('leasehold-hook', () => {
  const trouble = async (
    args: readonly string[],
    words: RegExp,
    env: Readonly<Record<string, string>> = {},
  ) => {
    const outcome = await run(args, { env });
    expect(outcome).toMatchObject({ status: 0, signal: null, stdout: '' });
    expect(outcome.stderr).toMatch(words);
    expect(outcome.stderr.split('\n')).toHaveLength(2);
  };
  const ask = (path: string, timeout = '40') => ['prolog', '--socket', path, '--timeout', timeout];

  it.for([
    [],
    ['dance'],
    ['prolog', '--socket'],
    ['prolog', '--shell', 'x'],
    ['prolog', '--timeout', '0'],
    ['prolog', '--timeout', '-1'],
    ['prolog', '--timeout', '5x'],
    ['prolog', '--peer', 'root'],
    ['prolog', '--away', '-1'],
  ])('says how it is used and exits 0: %j', async (args, { skip }) => {
    skip(hook === '');
    await trouble(args, /usage: leasehold-hook/);
  });

  it.for([
    ['prolog_slurmd', 'prolog'],
    ['epilog_slurmd', 'epilog'],
    ['prolog_slurmctld', 'register'],
    ['epilog_slurmctld', 'end'],
  ])(
    'goes by the word of Slurm where it is given no verb, under any name: %s',
    async ([context = '', verb], { skip }) => {
      skip(hook === '');
      const { path, asked } = await serveRequests((socket) => socket.end('OK\n'));
      const env = {
        SLURM_SCRIPT_CONTEXT: context,
        SLURM_JOB_ID: '7',
        SPANK_SLURM_SCRIPT_CONTEXT: 'epilog_slurmd',
      };
      // What a name says counts for nothing: Slurm starts it by those of its links.
      const link = join(folder.path, `99-epilog-${context}`);
      await symlink(hook, link);
      for (const program of [hook, link])
        expect(await run(['--socket', path], { env, program })).toEqual({
          status: 0,
          signal: null,
          stdout: '',
          stderr: '',
        });
      expect(await run(['end', '--socket', path], { env })).toMatchObject({ status: 0, stderr: '' });
      const request = (of = '') => `leasehold/1 ${of}\nSLURM_JOB_ID=7\0\0`;
      expect(asked).toEqual([request(verb), request(verb), request('end')]);
    },
  );

  it.for(['', 'prolog', 'prolog_task', 'epilog_slurmd ', 'PROLOG_SLURMD'])(
    'says how it is used and exits 0 where neither a verb nor Slurm tells what it is to do: %j',
    async (context, { skip }) => {
      skip(hook === '');
      const env = { SLURM_SCRIPT_CONTEXT: context };
      for (const args of [[], ['--timeout', '5'], ['dance', '--timeout', '5']])
        await trouble(args, /usage: leasehold-hook/, env);
    },
  );

  it.for([['--timeout'], ['--timeout', '5x'], ['--shell', 'x'], ['--socket', '/x', 'prolog']])(
    'takes no other arguments without a verb: %j',
    async (args, { skip }) => {
      skip(hook === '');
      await trouble(args, /usage: leasehold-hook/, { SLURM_SCRIPT_CONTEXT: 'prolog_slurmd' });
    },
  );

  it('exits 0 where nothing listens, where a file is, and where the path is too long', async ({ skip }) => {
    skip(hook === '');
    const file = join(folder.path, 'file');
    await writeFile(file, 'not a socket');
    await trouble(ask('/nonexistent/hook.sock', '1'), /cannot be reached: No such file/);
    await trouble(ask(file, '1'), /cannot be reached/);
    await trouble(ask(`/${'x'.repeat(200)}`), /path of the socket is too long/);
  });

  it('exits 0 when the peer accepts and is silent, or sends and never ends', async ({ skip }) => {
    skip(hook === '');
    const path = await serve(() => undefined);
    await trouble(ask(path, '1'), /no answer within 1 s/);
  });

  it.for([
    ['ends at once', ''],
    ['ends in the middle', 'OK'],
    ['ends in the middle of a refusal', 'FAIL not whol'],
  ] as const)('exits 0 when the peer %s', async ([, reply], { skip }) => {
    skip(hook === '');
    const path = await serve(whenAsked(reply));
    await trouble(ask(path), /ended before an answer/);
  });

  it.for(['prolog', 'epilog', 'register', 'end'])(
    'asks again when its peer dies over %s, though its dying socket takes the next connections too',
    async (verb, { skip }) => {
      skip(hook === '');
      const { path, asked } = await serveRequests((socket, count) =>
        count <= 3 ? socket.destroy() : socket.end('OK\n'),
      );
      const env = { SLURM_JOB_ID: '7' };
      const outcome = await run([verb, '--socket', path], { env });
      expect(outcome).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
      expect(asked).toEqual(Array(4).fill(`leasehold/1 ${verb}\nSLURM_JOB_ID=7\0\0`));
    },
  );

  it.for([
    ['garbage', 'HTTP/1.1 400\n', /not understood/],
    ['binary', '\x00\xff\x00\n', /not understood/],
    ['more than an answer may hold', 'OK '.padEnd(100_000, 'x'), /too long/],
  ] as const)('exits 0 and passes nothing on when the answer is %s', async ([, reply, words], { skip }) => {
    skip(hook === '');
    const path = await serve(whenAsked(reply));
    await trouble(ask(path), words);
  });

  it('says the text of a refusal once, without what could write on a terminal', async ({ skip }) => {
    skip(hook === '');
    const path = await serve(whenAsked('FAIL no \x1b[31mgrant\r here\n'));
    await trouble(ask(path), /^leasehold-hook prolog: no \?\[31mgrant\? here$/m);
  });

  it.for(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('exits 0 on %s', async (signal, { skip }) => {
    skip(hook === '');
    const path = await serve(() => undefined);
    expect(await run(ask(path, '20'), { signal })).toMatchObject({ status: 0, signal: null });
  });

  it.for(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE'] as const)(
    'exits 0 after a fault of its own, and says that it was one: %s',
    async (signal, { skip }) => {
      skip(hook === '');
      const path = await serve(() => undefined);
      expect(await run(ask(path, '20'), { signal })).toEqual({
        status: 0,
        signal: null,
        stdout: '',
        stderr: 'leasehold-hook: ended by a fault of its own\n',
      });
    },
  );

  it('sends what the protocol names, as it is, and nothing else', async ({ skip }) => {
    skip(hook === '');
    let seen: Buffer = Buffer.alloc(0);
    const path = await serve((socket, request) =>
      socket.on('data', () => {
        seen = request();
        if (seen.includes('\0\0')) socket.end('OK\n');
      }),
    );
    const comment = 'x\nSLURM_JOB_UID=0\n=';
    const env = {
      SLURM_JOB_ID: '7',
      SLURM_JOB_COMMENT: comment,
      SLURM_JOB_NAME: 'secret',
      LD_PRELOAD_X: '1',
      HOME: '/root',
    };
    const outcome = await run(['register', '--socket', path], { env });
    expect(outcome).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    expect(seen.toString()).toBe(`leasehold/1 register\nSLURM_JOB_ID=7\0SLURM_JOB_COMMENT=${comment}\0\0`);
  });

  it.for(['SPANK_LEASEHOLD', 'SLURM_JOB_COMMENT'])(
    'leaves a %s that is longer than any out',
    async (name, { skip }) => {
      skip(hook === '');
      let seen: Buffer = Buffer.alloc(0);
      const path = await serve((socket, request) =>
        socket.on('data', () => {
          seen = request();
          if (seen.includes('\0\0')) socket.end('OK\n');
        }),
      );
      for (const verb of ['prolog', 'register']) {
        const env = { SLURM_JOB_ID: '7', [name]: `leasehold=${'x'.repeat(70_000)}` };
        expect(await run([verb, '--socket', path], { env })).toMatchObject({ status: 0, stderr: '' });
        expect(seen.toString()).toBe(`leasehold/1 ${verb}\nSLURM_JOB_ID=7\0\0`);
      }
    },
  );

  it('sends a node list of a whole machine through a peer that reads slowly', async ({ skip }) => {
    skip(hook === '');
    const nodes = Array.from({ length: 10_000 }, (_, at) => `n${at}`).join(',');
    let length = 0;
    const path = await serve((socket, request) => {
      socket.pause();
      const timer = setInterval(() => {
        socket.resume();
        setImmediate(() => socket.pause());
      }, 5);
      socket.on('close', () => clearInterval(timer));
      socket.on('data', () => {
        length = request().byteLength;
        if (request().subarray(-2).equals(Buffer.from('\0\0'))) socket.end('OK\n');
      });
    });
    expect(await run(['register', '--socket', path], { env: { SLURM_JOB_NODELIST: nodes } })).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(length).toBe(`leasehold/1 register\nSLURM_JOB_NODELIST=${nodes}\0\0`.length);
  });
});
