import { parseArgs } from 'node:util';
import { systemClock, type Clock } from '../platform/clock.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import { createLog, type Log } from '../platform/log.ts';
import { connectBroker, type BrokerClient } from './broker-client.ts';
import { loadSignerConfig, type SignerConfig } from './config.ts';
import { listenForHooks } from '../platform/hook-socket.ts';
import { createScheduler } from './scheduler.ts';
import { createSigner, type Signer } from './signer.ts';
import { readSigningKeys, type SigningKeys } from './signing-keys.ts';

const usage = `usage: leasehold signer --config FILE [--check | --keys]

  --config FILE  what to sign, and whom to tell
  --check        read the configuration and the files it names, say what is wrong, and stop
  --keys         print the public keys as a JWK set, for the broker, and stop
`;

/** The `signer` command: exit status 0 done, 1 failed, 2 wrong use or configuration. Ends on SIGTERM and SIGINT. */
export async function runSigner(argv: readonly string[]): Promise<number> {
  const flags = readFlags(argv);
  if (flags === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  try {
    const config = await loadSignerConfig(flags.config);
    const keys = await readSigningKeys(config.keys);
    if (flags.keys) process.stdout.write(`${JSON.stringify({ keys: keys.published }, undefined, 2)}\n`);
    if (flags.keys || flags.check) return 0;
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    process.umask(0o077);
    const log = createLog({ level: config.log.level, name: 'signer' });
    await serve({ config, keys, clock: systemClock, log, signal: stopping.signal });
    return 0;
  } catch (error) {
    const { message, detail } = LeaseholdError.from(error);
    process.stderr.write(`leasehold signer: ${message}${detail === undefined ? '' : `\n${detail}`}\n`);
    return hasCode(error, 'config_invalid') ? 2 : 1;
  } finally {
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
  }
}

async function serve(options: {
  readonly config: SignerConfig;
  readonly keys: SigningKeys;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { config, clock, log, signal } = options;
  let keys = options.keys;
  const timeoutMs = config.outage.giveUp * 1000;
  let broker: BrokerClient = await connectBroker(config.broker, { timeoutMs });
  const signer = await createSigner({
    config,
    broker: () => broker,
    keys: () => keys,
    scheduler: createScheduler(config.slurm),
    clock,
    random: Math.random,
    log,
    signal,
  });
  const socket = await listenForHooks({
    path: config.socket.path,
    group: config.socket.group,
    answer: (request) => signer.answer(request),
    log,
  });
  log.info('signer is serving', { cluster: config.cluster, keys: idsOf(keys) });
  try {
    while (!signal.aborted) {
      await reconcile(signer, log, signal);
      await clock.sleep(config.reconcile * 1000, signal).catch(() => undefined);
      // Both change under a running signer: keys are rotated, certificates renewed. What cannot be read leaves what is in force.
      try {
        keys = takenUp(keys, await readSigningKeys(config.keys), log);
        broker = await renewedBroker(broker, { config, clock, timeoutMs });
      } catch (error) {
        log.error('keys or certificates cannot be read again; those from before stay in force', {}, error);
      }
    }
  } finally {
    await socket[Symbol.asyncDispose]();
    broker[Symbol.dispose]();
  }
}

const idsOf = (keys: SigningKeys): readonly string[] => keys.published.flatMap(({ kid }) => kid ?? []);

function takenUp(before: SigningKeys, now: SigningKeys, log: Log): SigningKeys {
  if (idsOf(before).join() === idsOf(now).join()) return before;
  log.info('the signing keys are other ones; the first signs', { keys: idsOf(now) });
  return now;
}

async function renewedBroker(
  broker: BrokerClient,
  options: { readonly config: SignerConfig; readonly clock: Clock; readonly timeoutMs: number },
): Promise<BrokerClient> {
  const renewed = await connectBroker(options.config.broker, options);
  if (renewed.filesId === broker.filesId) {
    renewed[Symbol.dispose]();
    return broker;
  }
  // What is under way on it has its time.
  options.clock.after(2 * options.timeoutMs, () => broker[Symbol.dispose]());
  return renewed;
}

async function reconcile(signer: Signer, log: Log, signal: AbortSignal): Promise<void> {
  try {
    await signer.reconcile();
  } catch (error) {
    if (!signal.aborted) log.warn('the runs could not be compared with the broker', {}, error);
  }
}

function readFlags(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      options: { config: { type: 'string' }, check: { type: 'boolean' }, keys: { type: 'boolean' } },
    });
    if (values.config === undefined) return undefined;
    return { config: values.config, check: values.check === true, keys: values.keys === true };
  } catch {
    return undefined;
  }
}
