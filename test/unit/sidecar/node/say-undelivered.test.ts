import { expect, it, vi } from 'vitest';
import { createSayUndelivered } from '../../../../sidecar/node/say-undelivered.ts';
import { systemClock } from '../../../../src/platform/clock.ts';
import { type ErrorCode, LeaseholdError } from '../../../../src/platform/error.ts';
import { silentLog } from '../../../../src/platform/log.ts';

/** A broker that answers with these, one after the other, and takes what comes after them; pauses take no time. */
function createWorld(answers: readonly ErrorCode[] = []) {
  const told: ErrorCode[] = [];
  const ended: string[] = [];
  const pauses: number[] = [];
  const left = [...answers];
  const words = createSayUndelivered({
    tell: (code) => {
      told.push(code);
      const answer = left.shift();
      return answer === undefined ? Promise.resolve(true) : Promise.reject(new LeaseholdError(answer));
    },
    clock: {
      ...systemClock,
      sleep: (ms) => {
        pauses.push(ms);
        return Promise.resolve();
      },
    },
    random: () => 0.5,
    log: {
      ...silentLog,
      info: (message) => void ended.push(message),
      warn: (message) => void ended.push(message),
    },
  });
  return { words, told, ended, pauses };
}

it('a broker that is away or busy is told again, with pauses that grow, until it takes the word', async () => {
  const { words, told, ended, pauses } = createWorld([
    'broker_unavailable',
    'overloaded',
    'ledger_unavailable',
  ]);
  words.say('delivery_no_space');
  await vi.waitFor(() => expect(ended.at(-1)).toContain('the broker knows'));
  expect(told).toEqual(Array(4).fill('delivery_no_space'));
  expect(pauses).toEqual([1_000, 2_000, 4_000]);
});

it.each<ErrorCode>(['workload_ended', 'workload_unknown', 'node_other_key', 'request_invalid'])(
  'a broker that refuses the word with %s is not told again',
  async (code) => {
    const { words, told, ended, pauses } = createWorld([code]);
    words.say('locked');
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect([told, pauses]).toEqual([['locked'], []]);
  },
);

it.each<ErrorCode>(['workload_unknown', 'workload_ended', 'credential_wrong_workload', 'node_other_key'])(
  'nothing is said of a run that a broker refuses to this node with %s',
  (code) => {
    const { words, told } = createWorld();
    words.say(code);
    expect(told).toEqual([]);
  },
);

it('nothing is said again once the run is over here', async () => {
  const { words, told, pauses } = createWorld(['broker_unavailable']);
  words.say('locked');
  words.stop();
  await vi.waitFor(() => expect(told).toEqual(['locked']));
  expect(pauses).toEqual([]);
});
