import { parseArgs } from 'node:util';
import { systemClock } from '../src/platform/clock.ts';
import { hasCode, LeaseholdError } from '../src/platform/error.ts';
import { createLog } from '../src/platform/log.ts';
import { ownVersion } from '../src/platform/own-version.ts';
import { dialHold } from '../src/rpc/client/hold-client.ts';
import { composeSidecar } from './compose.ts';
import { parseSidecarConfig, type SidecarConfig } from './config.ts';
import { readConfigFile } from './read-config-file.ts';

const usage = `usage: leasehold sidecar --config FILE [--check] [--once]

  --config FILE  what to hold and where to put it
  --check        read the configuration, say what is wrong with it, and stop
  --once         deliver bundles without leases once, leave the files, and stop
`;

export interface SidecarStreams {
  /** Words for people. */
  readonly stderr: { write(text: string): unknown };
}

/**
 * The `sidecar` command: exit status 0 done, 1 refused or failed, 2 wrong use or configuration, 4 broker out of reach
 * (with `--once`; otherwise it keeps trying). Ends on SIGTERM and SIGINT.
 */
export async function runSidecar(
  argv: readonly string[],
  { stderr }: SidecarStreams = { stderr: process.stderr },
): Promise<number> {
  const flags = readFlags(argv);
  if (flags === undefined) {
    stderr.write(usage);
    return 2;
  }
  let config: SidecarConfig;
  try {
    config = parseSidecarConfig(await readConfigFile(flags.config));
  } catch (error) {
    const { message, detail } = LeaseholdError.from(error);
    stderr.write(`leasehold sidecar: ${message}${detail === undefined ? '' : `\n${detail}`}\n`);
    return 2;
  }
  if (flags.check) return 0;
  return serve(config, flags.once ? 'once' : 'hold', stderr);
}

async function serve(
  config: SidecarConfig,
  mode: 'hold' | 'once',
  stderr: SidecarStreams['stderr'],
): Promise<number> {
  // Nothing is ever made more open than the exact mode it is given afterwards.
  process.umask(0o077);
  const log = createLog({ level: config.log.level, name: 'sidecar' });
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The timers of a holder do not keep its process alive; between two connections nothing else would.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    const sidecar = await composeSidecar({
      config,
      mode,
      dial: dialHold,
      clock: systemClock,
      random: Math.random,
      log,
      version: ownVersion(),
    });
    await (mode === 'once' ? sidecar.deliverOnce(stopping.signal) : sidecar.hold(stopping.signal));
    return 0;
  } catch (error) {
    const known = LeaseholdError.from(error);
    log.error('the sidecar has failed', {}, known);
    stderr.write(
      `leasehold sidecar: ${known.message}${known.detail === undefined ? '' : `: ${known.detail}`}\n`,
    );
    return hasCode(known, 'broker_unavailable') ? 4 : 1;
  } finally {
    clearInterval(alive);
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
  }
}

function readFlags(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      options: { config: { type: 'string' }, check: { type: 'boolean' }, once: { type: 'boolean' } },
    });
    if (values.config === undefined) return undefined;
    return { config: values.config, check: values.check === true, once: values.once === true };
  } catch {
    return undefined;
  }
}
