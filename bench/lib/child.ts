import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const longestWaitMs = 120_000;

/** A process of a benchmark's own, ended by its pid when the block that has it ends. */
export interface Child extends Disposable {
  readonly pid: number;
  send(message: object): void;
  /** The next message. Rejects when there is none in time, or the process ends before. */
  next<T>(): Promise<T>;
}

export function startChild(file: string, args: readonly string[], execArgv: readonly string[] = []): Child {
  const child: ChildProcess = fork(join(import.meta.dirname, file), args, { execArgv: [...execArgv] });
  return {
    pid: child.pid ?? 0,
    send: (message) => void child.send(message),
    next: <T>() =>
      new Promise<T>((resolve, reject) => {
        const onMessage = (value: unknown) => {
          settle();
          // Both ends are this benchmark.
          resolve(value as T);
        };
        const onExit = () => {
          settle();
          reject(new Error(`${file} ended early`));
        };
        const timer = setTimeout(() => {
          settle();
          reject(new Error(`${file} is silent`));
        }, longestWaitMs);
        const settle = () => {
          clearTimeout(timer);
          child.off('message', onMessage);
          child.off('exit', onExit);
        };
        child.on('message', onMessage);
        child.on('exit', onExit);
      }),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}

export interface Memory {
  readonly anonymousKb: number;
  readonly pssKb: number;
}

/** What the kernel says of a process. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const read = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { anonymousKb: read('Anonymous'), pssKb: read('Pss') };
}

export const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
