import { describe, expect, it } from 'vitest';
import { createSerial } from '../../../src/lease/serial.ts';

/** Tasks that run until they are told to end, and what happened in which order. */
function aLog() {
  const log: string[] = [];
  const ends = new Map<string, () => void>();
  const task = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    log.push(`${name} ends`);
    return name;
  };
  const rest = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (name: string) => {
    ends.get(name)?.();
    await rest();
  };
  return { log, task, end, rest };
}

describe('turns', () => {
  it('of tasks that run alone come one after the other', async () => {
    const { log, task, end, rest } = aLog();
    const serial = createSerial();
    const results = [serial.run('k', task('a')), serial.run('k', task('b'))];
    await rest();
    expect(log).toEqual(['a begins']);
    await end('a');
    await end('b');
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(await Promise.all(results)).toEqual(['a', 'b']);
  });

  it('of shared tasks are taken together, between those that run alone', async () => {
    const { log, task, end, rest } = aLog();
    const serial = createSerial();
    void serial.run('k', task('a'));
    for (const name of ['s', 't']) void serial.share('k', task(name));
    void serial.run('k', task('b'));
    void serial.share('k', task('u'));
    await rest();
    expect(log.splice(0)).toEqual(['a begins']);
    await end('a');
    expect(log.splice(0)).toEqual(['a ends', 's begins', 't begins']);
    await end('t');
    await end('s');
    expect(log.splice(0)).toEqual(['t ends', 's ends', 'b begins']);
    await end('b');
    await end('u');
    expect(log.splice(0)).toEqual(['b ends', 'u begins', 'u ends']);
  });

  it('go on after a task that has failed, which only its own caller learns', async () => {
    const serial = createSerial();
    const failing = () => Promise.reject(new Error('broken'));
    const failed = [serial.run('k', failing), serial.share('k', failing), serial.share('k', failing)];
    const after = serial.run('k', () => Promise.resolve('after'));
    for (const outcome of await Promise.allSettled(failed)) expect(outcome.status).toBe('rejected');
    expect(await after).toBe('after');
  });

  it('of one key do not wait for another', async () => {
    const { log, task, rest } = aLog();
    const serial = createSerial();
    void serial.run('k', task('a'));
    void serial.run('l', task('b'));
    await rest();
    expect(log).toEqual(['a begins', 'b begins']);
  });
});
