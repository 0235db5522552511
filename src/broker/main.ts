import { LeaseholdError } from '../platform/error.ts';
import { createLog } from '../platform/log.ts';
import { systemClock } from '../platform/clock.ts';
import { checkBrokerConfig } from './check-config.ts';
import { composeBroker } from './compose.ts';
import { loadBrokerConfig } from './config.ts';
import { refuseHostileEnvironment } from './environment.ts';

const usage = `Usage: leasehold broker --config FILE [--check]

Verifies workloads, issues and takes back their secrets.

  --config FILE  broker.yaml; every key is described in docs/configuration.md
  --check        validate it and every file it names, print the result, and stop

Examples:
  leasehold broker --config /etc/leasehold/broker.yaml --check
  leasehold broker --config /etc/leasehold/broker.yaml
`;

/** `leasehold broker`. Resolves with the exit status: 0 done, 1 failed, 2 wrong use. */
export async function runBroker(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv);
  if (parsed === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (parsed === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  if (parsed.check) {
    const { problems, summary } = await checkBrokerConfig(parsed.config, process.env);
    for (const line of summary) process.stdout.write(`${line}\n`);
    for (const line of problems) process.stderr.write(`${line}\n`);
    return problems.length === 0 ? 0 : 1;
  }
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    refuseHostileEnvironment(process.env);
    const config = await loadBrokerConfig(parsed.config);
    const log = createLog({ level: config.log.level, name: 'broker' });
    const broker = await composeBroker({ config, clock: systemClock, log });
    try {
      log.info('broker is serving', {
        workloads: broker.workloads,
        admin: broker.admin,
        http: broker.http,
        ...(broker.nodes === undefined ? {} : { nodes: broker.nodes }),
      });
      await aborted(stopping.signal);
      log.info('broker is going down');
      await broker.drain();
    } finally {
      await broker[Symbol.asyncDispose]();
    }
    return 0;
  } catch (error) {
    const { message, detail } = LeaseholdError.from(error);
    process.stderr.write(`leasehold broker: ${message}\n${detail === undefined ? '' : `${detail}\n`}`);
    return 1;
  } finally {
    process.removeListener('SIGTERM', stop);
    process.removeListener('SIGINT', stop);
  }
}

function parseArguments(
  argv: readonly string[],
): { readonly config: string; readonly check: boolean } | 'help' | undefined {
  let config: string | undefined;
  let check = false;
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index];
    if (argument === '--help' || argument === '-h') return 'help';
    if (argument === '--check') check = true;
    else if (argument === '--config') config = argv[(index += 1)];
    else if (argument?.startsWith('--config=') === true) config = argument.slice('--config='.length);
    else return undefined;
  }
  return config === undefined || config === '' ? undefined : { config, check };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
