import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { allMetrics } from '../../../src/platform/metric-names.ts';
import { createMetrics, type Metrics } from '../../../src/platform/metrics.ts';

let metrics: Metrics;
afterEach(() => metrics[Symbol.asyncDispose]());

describe('metrics', () => {
  it('count with their labels, from the first event on', async () => {
    metrics = createMetrics();
    expect(await metrics.text()).toContain('leasehold_audit_failures_total 0');
    metrics.count('auditFailures', {});
    metrics.count('streams', { code: 'ok' }, 3);
    const text = await metrics.text();
    expect(text).toContain('leasehold_audit_failures_total 1');
    expect(text).toContain('leasehold_streams_total{code="ok"} 3');
  });

  it('put durations into buckets of seconds', async () => {
    metrics = createMetrics();
    metrics.observe('ledgerSeconds', 0.004, {});
    const text = await metrics.text();
    expect(text).toContain('leasehold_ledger_commit_seconds_bucket{le="0.0025"} 0');
    expect(text).toContain('leasehold_ledger_commit_seconds_bucket{le="0.005"} 1');
  });

  it('read gauges when somebody asks, until they are removed', async () => {
    metrics = createMetrics();
    let value = 1;
    let asked = 0;
    const remove = metrics.gauge('holders', () => {
      asked += 1;
      return [{ value, labels: {} }];
    });
    expect(await metrics.text()).toContain('leasehold_holders 1');
    value = 2;
    expect(await metrics.text()).toContain('leasehold_holders 2');
    remove();
    await metrics.text();
    expect(asked).toBe(2);
  });

  it('go on when one gauge cannot be read', async () => {
    metrics = createMetrics();
    metrics.gauge('holders', () => Promise.reject(new Error('canary-88')));
    metrics.gauge('workItems', () => [{ value: 7, labels: {} }]);
    const text = await metrics.text();
    expect(text).toContain('leasehold_work_items 7');
    expect(text).not.toContain('canary-88');
  });

  it('do not mix between two of them', async () => {
    metrics = createMetrics();
    await using other = createMetrics();
    other.count('auditFailures', {});
    expect(await metrics.text()).toContain('leasehold_audit_failures_total 0');
  });

  it('are documented with their labels, and nothing else is', () => {
    metrics = createMetrics();
    const document = readFileSync(join(import.meta.dirname, '../../../docs/metrics.md'), 'utf8');
    const rows = [...document.matchAll(/^\| `(leasehold_[a-z_]+)` +\| ([^|]*)\|/gm)].map(
      ([, name, labels = '']) => ({
        name,
        labels: [...labels.matchAll(/`([a-z]+)`/g)].map(([, label]) => label),
      }),
    );
    expect(rows).toEqual(allMetrics.map(({ name, labels }) => ({ name, labels: [...labels] })));
  });
});
