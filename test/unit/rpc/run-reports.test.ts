import { expect, it } from 'vitest';
import type { RunRegistry } from '../../../src/lease/runs/run-registry.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createFixedPolicy } from '../../../src/policy/policy-cell.ts';
import type { ReportRunsRequest__Output } from '../../../src/rpc/gen/leasehold/v1/ReportRunsRequest.ts';
import type { ReportRunsResponse } from '../../../src/rpc/gen/leasehold/v1/ReportRunsResponse.ts';
import type { CallContext, Handlers } from '../../../src/rpc/handler.ts';
import { addRunService } from '../../../src/rpc/run-service.ts';
import { createManualClock } from '../backend/manual-clock.ts';
import { recordingAudit } from './server-world.ts';

type Report = Parameters<RunRegistry['report']>[0];

/** The service for the signers of two clusters, whose reports take until the test lets them end. */
function createReports() {
  const clock = createManualClock();
  const begun: { readonly report: Report; readonly end: () => void }[] = [];
  const unused = () => Promise.reject(new Error('nobody asks for that'));
  const registry: RunRegistry = {
    known: { findOfJob: unused, admitNode: unused },
    states: { state: () => expect.unreachable(), subscribe: () => expect.unreachable() },
    register: unused,
    end: unused,
    undelivered: unused,
    report: (report) =>
      new Promise((resolve) => {
        begun.push({ report, end: () => resolve({ ended: 1, toCancel: [] }) });
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  let serve: ((request: ReportRunsRequest__Output, context: CallContext) => Promise<unknown>) | undefined;
  const handlers: Handlers = {
    unary: (method, handler) => {
      if (method.path.endsWith('/ReportRuns')) serve = handler as unknown as typeof serve;
    },
    serverStream: () => undefined,
    duplex: () => undefined,
    idle: () => Promise.resolve(),
  };
  addRunService(handlers, {
    clusters: ['hpc', 'hpc2'].map((name) => ({
      cluster: { name, audience: 'a', keys: { file: '/k' }, endGraceSeconds: 1, absentAfterSeconds: 0 },
      keys: { find: unused, ready: () => Promise.resolve(), size: () => 0, close: () => undefined },
    })),
    trustDomain: 'test',
    registry,
    audit: recordingAudit(),
    policy: createFixedPolicy({ bundles: new Map(), grants: [] }),
    certificate: () => expect.unreachable(),
    verifierOf: () => expect.unreachable(),
    clock,
    log: silentLog,
  });
  const report = (signal = new AbortController().signal, cluster = 'hpc') =>
    serve?.({ runs: [], asOfMs: 1, fromJobId: 0, toJobId: 0 }, {
      peer: '127.0.0.1',
      certificate: { subjectaltname: `URI:spiffe://test/slurm/${cluster}/signer` },
      signal,
    } as unknown as CallContext) as Promise<ReportRunsResponse>;
  const rest = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, begun, report, rest };
}

it('one report of a cluster is worked on at a time, the next one after it, another cluster beside it', async () => {
  const { begun, report, rest } = createReports();
  const answers = [report(), report()];
  await rest();
  expect(begun).toHaveLength(1);
  void report(undefined, 'hpc2');
  await rest();
  expect(begun.map((one) => one.report.cluster)).toEqual(['hpc', 'hpc2']);
  begun[0]?.end();
  expect(await answers[0]).toMatchObject({ ended: 1 });
  await rest();
  expect(begun.map((one) => one.report.cluster)).toEqual(['hpc', 'hpc2', 'hpc']);
  begun[2]?.end();
  expect(await answers[1]).toMatchObject({ ended: 1 });
});

it('one that waits too long is told to come again, and one whose caller has gone is never begun', async () => {
  const { clock, begun, report, rest } = createReports();
  const first = report();
  await rest();
  const gone = new AbortController();
  const waiting = Promise.allSettled([report(gone.signal), report()]);
  await rest();
  gone.abort();
  clock.advance(60_000);
  expect(await waiting).toMatchObject([
    { reason: { code: 'cancelled' } },
    { reason: { code: 'overloaded', retryAfterMs: expect.any(Number) as number } },
  ]);
  begun[0]?.end();
  expect(await first).toMatchObject({ ended: 1 });
  await rest();
  expect(begun).toHaveLength(1);
});

it('what is worked on learns that its caller has gone', async () => {
  const { begun, report, rest } = createReports();
  const gone = new AbortController();
  void report(gone.signal);
  await rest();
  expect(begun[0]?.report.signal.aborted).toBe(false);
  gone.abort();
  expect(begun[0]?.report.signal.aborted).toBe(true);
});
