import { execFile } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

/** What reads a program's standard output from a named pipe, and can stop reading without closing it: as a log collector that hangs. */
export interface Collector extends Disposable {
  hang(): void;
  goOn(): void;
  /** All that was read. */
  text(): string;
}

/** Makes the pipe. */
export async function startCollector(pipe: string): Promise<Collector> {
  await promisify(execFile)('mkfifo', ['-m', '600', pipe]);
  // For writing too, so that it never ends while the program is not there; nothing is written.
  const reader = new Socket({ fd: openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK), writable: false });
  const chunks: Buffer[] = [];
  reader.on('data', (chunk: Buffer) => void chunks.push(chunk));
  return {
    hang: () => void reader.pause(),
    goOn: () => void reader.resume(),
    text: () => Buffer.concat(chunks).toString('utf8'),
    [Symbol.dispose]: () => void reader.destroy(),
  };
}
