import type { DemoFiles } from './demo-files.ts';
import { demoFailure } from './observe.ts';
import type { Programs } from './programs.ts';

/** The person who types commands. Each call is a process of its own; resolves with what it printed, parsed. */
export interface Administrator {
  rotate(pod: string): Promise<unknown>;
  revoke(pod: string): Promise<unknown>;
  verifyAudit(): Promise<unknown>;
}

export function createAdministrator(options: {
  readonly files: DemoFiles;
  readonly programs: Programs;
  /** host:port of the admin listener. */
  readonly broker: string;
  readonly timeoutMs: number;
}): Administrator {
  const { files, programs, broker, timeoutMs } = options;
  const connection = ['--broker', broker, '--server-name', 'localhost', '--ca', files.ca].concat([
    '--cert',
    files.adminCertificate,
    '--key',
    files.adminKey,
  ]);
  const command = async (...args: readonly string[]): Promise<unknown> => {
    const { status, stdout, stderr } = await programs.run([...args, '--output', 'json'], timeoutMs);
    if (status !== 0) throw demoFailure(`leasehold ${args[0] ?? ''} ended with ${status}: ${stderr.trim()}`);
    return JSON.parse(stdout);
  };
  const reason = ['--reason', 'demo', '--yes'];
  return {
    rotate: (pod) => command('rotate', '--pod', pod, ...reason, ...connection),
    revoke: (pod) => command('revoke', '--pod', pod, '--wait', '15s', ...reason, ...connection),
    verifyAudit: () => command('audit', 'verify', files.audit),
  };
}
