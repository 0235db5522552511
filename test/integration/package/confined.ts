import { expect } from 'vitest';

/** What `/proc/PID/status` says of a service that is this user's alone, may do nothing special, and cannot come to. */
export function expectConfined(status: string, uid: number | string): void {
  expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'));
  for (const fact of [
    'CapEff:\t0000000000000000',
    'CapBnd:\t0000000000000000',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
  ])
    expect(status).toContain(fact);
}
