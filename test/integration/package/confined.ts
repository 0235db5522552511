import { expect } from 'vitest';

/** What `/proc/PID/status` says of a service that is this user's alone, may do nothing special but what is in that mask, and cannot come to more. */
export function expectConfined(status: string, uid: number | string, mask = '0'): void {
  expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'));
  const capabilities = mask.padStart(16, '0');
  for (const fact of [
    `CapEff:\t${capabilities}`,
    `CapBnd:\t${capabilities}`,
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
  ])
    expect(status).toContain(fact);
}
