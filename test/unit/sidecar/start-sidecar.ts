import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LeaseholdError } from '../../../src/platform/error.ts';
import type { Log } from '../../../src/platform/log.ts';
import { dialHold } from '../../../src/rpc/client/hold-client.ts';
import { composeSidecar, type Sidecar } from '../../../sidecar/compose.ts';
import { parseSidecarConfig } from '../../../sidecar/config.ts';
import { createFastClock } from './fast-clock.ts';
import type { FakeBroker } from './fake-broker.ts';
import { createMemoryFolder } from './memory-folder.ts';

export interface RunningSidecar extends AsyncDisposable {
  readonly sidecar: Sidecar;
  /** Folder of the first bundle. */
  readonly folder: string;
  readonly tokenFile: string;
  /** Names and facts of all log lines, as text. */
  readonly lines: string[];
  /** As SIGTERM does. */
  stop(): Promise<void>;
}

/** A whole sidecar in this process, on a memory folder, with time going fifty times faster unless told otherwise. */
export async function startSidecar(
  brokers: readonly FakeBroker[],
  options: {
    readonly bundles?: string;
    readonly onExit?: 'wipe' | 'keep';
    readonly home?: Awaited<ReturnType<typeof createMemoryFolder>>;
    /** How many times faster time goes by. */
    readonly factor?: number;
  } = {},
): Promise<RunningSidecar> {
  const home = options.home ?? (await createMemoryFolder());
  const tokenFile = join(home.path, 'token');
  const caFile = join(home.path, 'ca.pem');
  await writeFile(tokenFile, 'token-1\n');
  await writeFile(caFile, brokers.map((broker) => broker.ca).join(''));
  const config = parseSidecarConfig(`
broker: { address: [${brokers.map((broker) => `"${broker.address}"`).join(', ')}], ca: ${caFile} }
credential: ${tokenFile}
target: ${home.path}/files
onExit: ${options.onExit ?? 'wipe'}
bundles:
${options.bundles ?? '  - { name: db }'}
`);
  const lines: string[] = [];
  const stopping = new AbortController();
  const sidecar = await composeSidecar({
    config,
    mode: 'hold',
    dial: dialHold,
    clock: createFastClock(options.factor ?? 50),
    random: () => 0.5,
    log: recordingLog(lines),
    version: 'test',
  });
  const running = sidecar.hold(stopping.signal);
  const stop = async () => {
    stopping.abort();
    await running;
  };
  return {
    sidecar,
    folder: join(home.path, 'files', config.bundles[0]?.folder ?? ''),
    tokenFile,
    lines,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await home[Symbol.asyncDispose]();
    },
  };
}

export function recordingLog(lines: string[], base: object = {}): Log {
  const write = (level: string) => (message: string, fields?: object, error?: unknown) => {
    lines.push(JSON.stringify({ level, message, ...base, ...fields, ...describe(error) }));
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => recordingLog(lines, { ...base, ...fields }),
  };
}

function describe(error: unknown): object {
  if (!(error instanceof LeaseholdError)) return error === undefined ? {} : { error: 'not one of ours' };
  return { code: error.code, detail: error.detail };
}
