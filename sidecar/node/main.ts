import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/platform/clock.ts';
import { LeaseholdError } from '../../src/platform/error.ts';
import { createLog } from '../../src/platform/log.ts';
import { ownVersion } from '../../src/platform/own-version.ts';
import { certifyNode } from '../../src/rpc/client/certify-node.ts';
import { fetchRunMatchers } from '../../src/rpc/client/fetch-matchers.ts';
import { reportUndelivered } from '../../src/rpc/client/report-undelivered.ts';
import { createSharedDial } from '../../src/rpc/client/hold-client.ts';
import { readConfigFile } from '../read-config-file.ts';
import { orMissing } from '../deliver/file-system.ts';
import { readCa } from '../proof.ts';
import { startNodeAgent } from './agent.ts';
import { readNodeCertificate } from './certificate.ts';
import { keepCertified } from './certification.ts';
import { type NodeAgentConfig, parseNodeAgentConfig } from './config.ts';
import { waitForAgent } from './wait-for-agent.ts';

const usage = `usage: leasehold node-agent --config FILE [--check | --wait]

  --config FILE  who this node is, where the broker is, and where files go
  --check        read the configuration and the certificate, say what is wrong with them, and stop
  --wait         wait until the agent of this configuration answers hooks, a minute at most, and stop
`;

const waitMs = 60_000;

export interface NodeAgentStreams {
  /** Words for people. */
  readonly stderr: { write(text: string): unknown };
}

/**
 * The `node-agent` command: exit status 0 done, 1 failed, 2 wrong use, configuration or certificate. Ends on SIGTERM and
 * SIGINT, and leaves the files of running jobs for the next process.
 */
export async function runNodeAgent(
  argv: readonly string[],
  { stderr }: NodeAgentStreams = { stderr: process.stderr },
): Promise<number> {
  const flags = readFlags(argv);
  if (flags === undefined) {
    stderr.write(usage);
    return 2;
  }
  try {
    const config = parseNodeAgentConfig(await readConfigFile(flags.config));
    if (flags.wait)
      await waitForAgent({ ...config, clock: systemClock, timeoutMs: waitMs, mayCome: isMainThere });
    else if (flags.check) await checkFiles(config);
    else return await serve(config);
    return 0;
  } catch (error) {
    const { code, message, detail } = LeaseholdError.from(error);
    stderr.write(`leasehold node-agent: ${message}${detail === undefined ? '' : `\n${detail}`}\n`);
    return code === 'config_invalid' ? 2 : 1;
  }
}

/** As systemd tells what it runs beside an agent that it has just started: one that has ended is not waited for. */
function isMainThere(): boolean {
  const pid = Number(process.env['MAINPID'] ?? 0);
  try {
    return !(pid > 0) || process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A node that enrols may have no certificate yet. */
async function checkFiles(config: NodeAgentConfig): Promise<void> {
  const { certificate, enrolment } = config;
  const ca = config.broker.ca;
  if (enrolment !== undefined && (await orMissing(lstat(certificate))) === undefined) await readCa(ca);
  else await readNodeCertificate({ ...config, ca });
}

async function serve(config: NodeAgentConfig): Promise<number> {
  // Nothing is ever made more open than the exact mode it is given afterwards.
  process.umask(0o077);
  const log = createLog({ level: config.log.level, name: 'node-agent' });
  const stopping = new AbortController();
  const stopped = once(stopping.signal, 'abort');
  const onSignal = () => stopping.abort();
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const shared = { config, clock: systemClock, random: Math.random, log };
    await using agent = await startNodeAgent({
      ...shared,
      dial: createSharedDial(),
      fetchMatchers: fetchRunMatchers,
      tellUndelivered: reportUndelivered,
      version: ownVersion(),
    });
    await using parts = new AsyncDisposableStack();
    const { enrolment } = config;
    const onCertified = () => agent.lookForCertificate();
    if (enrolment !== undefined)
      parts.use(keepCertified({ ...shared, enrolment, certify: certifyNode, onCertified }));
    await stopped;
    log.info('going down, the files of running jobs stay', { runs: agent.runs() });
    return 0;
  } catch (error) {
    log.error('the node agent has failed', {}, error);
    throw error;
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

function readFlags(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      options: { config: { type: 'string' }, check: { type: 'boolean' }, wait: { type: 'boolean' } },
    });
    const { config, check = false, wait = false } = values;
    return config === undefined || (check && wait) ? undefined : { config, check, wait };
  } catch {
    return undefined;
  }
}
