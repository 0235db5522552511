import { fork } from 'node:child_process';
import { extname, join } from 'node:path';
import { type BrokerLine, createBrokerLine } from './broker-line.ts';
import { isSelfSufficient } from '../platform/own-asset.ts';
import type { BrokerProcessOptions } from './messages.ts';

/** What the program of the packages is told, which has no other file to start. */
export const brokerProcessArgument = '--broker-process';

/** Starts the broker of the demo as a process of its own. It goes down when this process lets go of the channel, however it ends. */
export function startBroker(options: {
  readonly process: BrokerProcessOptions;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}): BrokerLine {
  const [program, ...words] = isSelfSufficient
    ? (['demo', brokerProcessArgument] as const)
    : [join(import.meta.dirname, `broker-process${extname(import.meta.filename)}`)];
  const child = fork(program, [...words, JSON.stringify(options.process)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: options.env,
    // Not those of this process: a debugger's port is taken already.
    execArgv: [],
  });
  return createBrokerLine(child, options.timeoutMs);
}
