import { describe, expect, it } from 'vitest';
import { timed, type TimedCall } from '../../../src/broker/timed.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { createManualClock } from '../backend/manual-clock.ts';

describe('timed', () => {
  it('passes results, errors and plain values through, and tells how each call ended', async () => {
    const clock = createManualClock();
    const calls: TimedCall[] = [];
    const port = timed(
      {
        probationSeconds: 60,
        now: () => 7,
        read: async (path: string) => {
          clock.advance(1500);
          return path;
        },
        fail: async () => {
          throw new LeaseholdError('backend_sealed');
        },
      },
      { clock, onCall: (call) => void calls.push(call) },
    );
    expect(port.probationSeconds).toBe(60);
    expect(port.now()).toBe(7);
    expect(await port.read('x')).toBe('x');
    await expect(port.fail()).rejects.toMatchObject({ code: 'backend_sealed' });
    expect(calls).toEqual([
      { method: 'read', seconds: 1.5, code: 'ok' },
      { method: 'fail', seconds: 0, code: 'backend_sealed' },
    ]);
  });
});
