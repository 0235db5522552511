import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../src/audit/audit.ts';
import { peerNetwork } from '../../../src/audit/peer-network.ts';
import { createStrangers } from '../../../src/audit/strangers.ts';
import type { ErrorCode } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const refused = (peer: string, code: ErrorCode = 'credential_malformed'): AuditEvent => ({
  action: 'attach',
  outcome: 'refused',
  code,
  peer,
});

function aSink() {
  const records: AuditEvent[] = [];
  const sink = { records, isFailing: false };
  const clock = createManualClock();
  const strangers = createStrangers({
    record: async (event) => {
      if (sink.isFailing) throw new Error('disk');
      records.push(event);
    },
    clock,
    log: silentLog,
  });
  /** Lets time pass, and what it set off finish. */
  const pass = async (ms: number) => {
    clock.advance(ms);
    await setImmediate();
  };
  return { sink, records, pass, strangers };
}

describe('refusals of strangers', () => {
  it('are recorded once for each code and network, and counted after that', async () => {
    const { records, strangers } = aSink();
    for (const peer of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.1.1'])
      await strangers.record(refused(peer));
    await strangers.record(refused('10.0.0.9', 'credential_missing'));
    await strangers.close();
    expect(records.map(({ action, peer, count }) => [action, peer, count])).toEqual([
      ['attach', '10.0.0.1', undefined],
      ['attach', '10.0.1.1', undefined],
      ['attach', '10.0.0.9', undefined],
      ['refused_summary', '10.0.0.0/24', 2],
    ]);
  });

  it('of a proved node count against that node, wherever it calls from', async () => {
    const { records, strangers } = aSink();
    for (const [node, peer] of [
      ['hpc/n1', '10.0.0.1'],
      ['hpc/n1', '10.9.9.9'],
      ['hpc/n2', '10.0.0.1'],
    ] as const)
      await strangers.record({ ...refused(peer), node });
    await strangers.record(refused('10.0.0.1'));
    await strangers.close();
    expect(records.map(({ action, node, peer, count }) => [action, node, peer, count])).toEqual([
      ['attach', 'hpc/n1', '10.0.0.1', undefined],
      ['attach', 'hpc/n2', '10.0.0.1', undefined],
      ['attach', undefined, '10.0.0.1', undefined],
      ['refused_summary', 'hpc/n1', undefined, 1],
    ]);
  });

  it('are summed up when the window ends, and begin anew', async () => {
    const { records, pass, strangers } = aSink();
    for (let turn = 0; turn < 3; turn += 1) await strangers.record(refused('10.0.0.1'));
    await pass(60_000);
    await strangers.record(refused('10.0.0.1'));
    expect(records.map(({ action, count }) => [action, count])).toEqual([
      ['attach', undefined],
      ['refused_summary', 2],
      ['attach', undefined],
    ]);
  });

  it('stay within a fixed budget whoever many there are', async () => {
    const { records, strangers } = aSink();
    for (let index = 0; index < 5_000; index += 1)
      await strangers.record(refused(`10.${index >> 8}.${index & 255}.1`));
    await strangers.close();
    expect(records).toHaveLength(51);
    expect(records.at(-1)).toMatchObject({ action: 'refused_summary', count: 4_950 });
  });

  it('are not lost while the log cannot be written', async () => {
    const { sink, records, pass, strangers } = aSink();
    sink.isFailing = true;
    await expect(strangers.record(refused('10.0.0.1'))).rejects.toThrow('disk');
    await strangers.record(refused('10.0.0.1'));
    await pass(60_000);
    sink.isFailing = false;
    await pass(60_000);
    expect(records).toMatchObject([{ action: 'refused_summary', count: 2 }]);
  });
});

describe('a log that hangs', () => {
  it('is waited for once when it closes, however many summaries there are', async () => {
    const clock = createManualClock();
    let waiting = 0;
    let isHanging = false;
    const strangers = createStrangers({
      record: async () => {
        if (!isHanging) return;
        waiting += 1;
        await clock.sleep(1_000, new AbortController().signal);
        throw new Error('disk');
      },
      clock,
      log: silentLog,
      kindsPerWindow: 1_000,
    });
    for (let index = 0; index < 2_004; index += 1)
      await strangers.record(refused(`10.${(index % 1_002) >> 8}.${(index % 1_002) & 255}.1`));
    isHanging = true;
    const closed = strangers.close();
    await setImmediate();
    expect(waiting).toBe(1_001);
    clock.advance(1_000);
    await closed;
    expect(waiting).toBe(1_001);
  });
});

describe('peerNetwork', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8::7', '2001:db8:0::/48'],
    ['::1', '0:0:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['unix', 'unix'],
  ])('puts %s into %s', (peer, network) => {
    expect(peerNetwork(peer)).toBe(network);
  });

  it('gives addresses of one network the same name', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(255), (address, last) => {
        const front = address.slice(0, address.lastIndexOf('.'));
        expect(peerNetwork(`${front}.${last}`)).toBe(peerNetwork(address));
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(peerNetwork(address)).toMatch(/\/(48|24)$/);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void peerNetwork(text)));
  });
});
