import { describe, expect, it } from 'vitest';
import { createPathProbes } from '../../../src/lease/path-probes.ts';
import { createManualClock } from '../backend/manual-clock.ts';

function start() {
  const clock = createManualClock();
  const opened: string[] = [];
  const probes = createPathProbes({
    clock,
    retryMinMs: 1_000,
    retryMaxMs: 30_000,
    random: () => 0.99,
    onOpen: (path) => opened.push(path),
  });
  const fail = (id: string, attempts = 1, path = 'p') => {
    expect(probes.enter(path, { id, attempts })).toBeUndefined();
    probes.failed(path, { id, attempts });
  };
  return { clock, opened, probes, fail };
}

describe('a path', () => {
  it('stays open when one credential fails again and again', () => {
    const { probes, fail } = start();
    for (let tried = 0; tried < 50; tried += 1) fail('a', tried);
    expect(probes.enter('p', { id: 'b', attempts: 5 })).toBeUndefined();
  });

  it('is closed by several, and lets one probe through at a time', () => {
    const { clock, probes, fail } = start();
    for (const id of ['a', 'b', 'c']) fail(id);
    expect(probes.enter('p', { id: 'd', attempts: 1 })).toBeGreaterThanOrEqual(30_000);
    expect(probes.enter('q', { id: 'd', attempts: 1 })).toBeUndefined();
    clock.advance(30_000);
    expect(probes.due()).toEqual(['p']);
    expect(probes.enter('p', { id: 'd', attempts: 1 })).toBeUndefined();
    expect(probes.due()).toEqual([]);
    expect(probes.enter('p', { id: 'e', attempts: 0 })).toBeGreaterThanOrEqual(30_000);
    probes.left('p', { id: 'e', attempts: 0 });
    expect(probes.due()).toEqual([]);
    probes.left('p', { id: 'd', attempts: 1 });
    expect(probes.due()).toEqual(['p']);
  });

  it('opens with the first success, and says so once', () => {
    const { clock, opened, probes, fail } = start();
    for (const id of ['a', 'b', 'c']) fail(id);
    clock.advance(30_000);
    expect(probes.enter('p', { id: 'a', attempts: 2 })).toBeUndefined();
    probes.succeeded('p', { id: 'a', attempts: 2 });
    probes.succeeded('p', { id: 'b', attempts: 2 });
    expect(opened).toEqual(['p']);
    expect(probes.enter('p', { id: 'c', attempts: 2 })).toBeUndefined();
  });

  it('is probed at least every 30 s, however long it fails', () => {
    const { clock, probes, fail } = start();
    for (const id of ['a', 'b', 'c']) fail(id);
    for (let probe = 0; probe < 40; probe += 1) {
      clock.advance(30_000);
      expect(probes.due()).toEqual(['p']);
      fail('a');
    }
  });

  it('takes one that was never tried as a probe, at most one a second', () => {
    const { clock, probes, fail } = start();
    for (const id of ['a', 'b', 'c', 'a', 'b']) {
      clock.advance(30_000);
      fail(id);
    }
    expect(probes.enter('p', { id: 'new', attempts: 0 })).toBeGreaterThanOrEqual(30_000);
    clock.advance(1_000);
    expect(probes.enter('p', { id: 'new', attempts: 0 })).toBeUndefined();
  });
});
