#!/usr/bin/env node
import { homedir } from 'node:os';

/**
 * The one program. Each part is loaded only when it is named, so that a sidecar carries neither broker nor commander in
 * its memory. The long-lived parts own their signals; commands share one that stops what they wait for.
 */
async function run(argv: readonly string[]): Promise<number> {
  const [part, ...rest] = argv;
  // Help is the commands' own, the same for all.
  if (rest.includes('--help') || rest.includes('-h')) return runCommand(argv);
  switch (part) {
    case 'broker':
      return (await import('./broker/main.ts')).runBroker(rest);
    case 'sidecar':
      return (await import('../sidecar/main.ts')).runSidecar(rest);
    case 'node-agent':
      return (await import('../sidecar/node/main.ts')).runNodeAgent(rest);
    case 'signer':
      return (await import('./slurm/main.ts')).runSigner(rest);
    case 'demo':
      return (await import('./demo/main.ts')).runDemo(rest);
    default:
      return runCommand(argv);
  }
}

async function runCommand(argv: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  // Once: a second Ctrl-C ends the program at once, by the default of the system.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const { createStdio } = await import('./cli/stdio.ts');
  const { runCli } = await import('./cli/run-cli.ts');
  const { systemClock } = await import('./platform/clock.ts');
  return runCli(argv, {
    stdio: createStdio(process),
    env: process.env,
    homeFolder: homedir(),
    clock: systemClock,
    random: Math.random,
    interrupted: interrupted.signal,
  });
}

process.exitCode = await run(process.argv.slice(2));
