import { afterEach, describe, expect, it } from 'vitest';
import { watchSeconds } from '../../../src/identity/cluster.ts';
import { silentIdentityEvents } from '../../../src/identity/identity-events.ts';
import { createInterner } from '../../../src/identity/pod-record.ts';
import { createPodView } from '../../../src/identity/pod-view.ts';
import { createPodWatch } from '../../../src/identity/pod-watch.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { FakeApiServer } from './fake-api-server.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { aPodObject, aRecord, uidOf } from './pods.ts';
import { expectRefusal } from './refusal.ts';
import { podUid } from './tokens.ts';

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

async function aWatch(prepare: (server: FakeApiServer) => void = () => undefined, staleAfterSeconds = 60) {
  const server = new FakeApiServer();
  server.pods.set('till-0', aPodObject());
  prepare(server);
  const clock = new FakeClock();
  const ended: string[] = [];
  const news: string[] = [];
  const source = createPodWatch({
    cluster: 'east',
    client: server,
    clock,
    log: silentLog,
    events: { ...silentIdentityEvents, watchEnded: (_cluster, reason) => ended.push(reason) },
    interner: createInterner({ maxEntries: 1_000 }),
    random: () => 1,
    watchSeconds: watchSeconds(staleAfterSeconds),
  });
  const view = createPodView({
    clock,
    staleAfterMs: staleAfterSeconds * 1000,
    lostAfterMs: 600_000,
    maxPast: 1_000,
    listener: (uid, phase) => news.push(`${uid === podUid ? 'pod' : uid} ${phase}`),
  });
  const stop = new AbortController();
  const run = source.run(view, stop.signal);
  running.push(async () => {
    stop.abort();
    await run;
    view.close();
  });
  await settle();
  return { server, clock, view, source, ended, news, phase: (uid = podUid) => view.state(uid).phase };
}

const changed = (version: string, changes: Parameters<typeof aPodObject>[0] = {}) =>
  aPodObject({ resourceVersion: version, ...changes });

describe('createPodWatch', () => {
  it('lists once in pages, then watches from there, asking for bookmarks and unfinished pods only', async () => {
    const { server, view } = await aWatch((fake) => {
      for (let at = 1; at < 5; at += 1)
        fake.pods.set(`till-${at}`, aPodObject({ uid: uidOf(at), name: `till-${at}` }));
      fake.pageSize = 2;
    });
    await view.ready;
    expect(server.requests).toEqual([
      'GET /api/v1/pods',
      'GET /api/v1/pods from 2',
      'GET /api/v1/pods from 4',
      'WATCH 100',
    ]);
    expect(server.lastQuery).toMatchObject({
      allowWatchBookmarks: 'true',
      timeoutSeconds: '20',
      fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
    });
    expect(view.size()).toBe(5);
  });

  it('follows a pod through its life', async () => {
    const { server, news, phase } = await aWatch();
    server.event('ADDED', changed('101', { uid: uidOf(1), name: 'till-1' }));
    server.event('MODIFIED', changed('102', { deletionTimestamp: '2030-01-01T00:01:00Z' }));
    await settle();
    expect([phase(), phase(uidOf(1))]).toEqual(['terminating', 'running']);
    server.event('DELETED', changed('103'));
    server.event('DELETED', changed('104', { uid: uidOf(1), name: 'till-1', phase: 'Succeeded' }));
    await settle();
    expect(news).toEqual(['pod terminating', 'pod ended', `${uidOf(1)} ended`]);
  });

  it('comes back after a cut from the version it had reached, and misses nothing', async () => {
    const { server, clock, news, ended } = await aWatch();
    server.event('MODIFIED', changed('117'));
    await settle();
    server.cut();
    await clock.advance(1_000);
    expect(server.requests.slice(1)).toEqual(['WATCH 100', 'WATCH 117']);
    server.event('DELETED', changed('118'));
    await settle();
    expect(news).toEqual(['pod ended']);
    expect(ended).toEqual(['failed']);
  });

  it('goes on from the version of a bookmark', async () => {
    const { server, clock } = await aWatch();
    server.resourceVersion = 250;
    server.bookmark();
    await settle();
    server.end();
    await clock.advance(1_000);
    expect(server.requests.at(-1)).toBe('WATCH 250');
  });

  it.each([
    ['an error event', (server: FakeApiServer) => server.event('ERROR', { kind: 'Status', code: 410 })],
    [
      'a refused start',
      (server: FakeApiServer) => {
        server.failures.push(410);
        server.cut();
      },
    ],
  ])(
    'takes a new list when its version expired by %s, and ends what is missing there',
    async (_what, expire) => {
      const { server, clock, news } = await aWatch();
      server.pods.clear();
      server.pods.set('till-1', aPodObject({ uid: uidOf(1), name: 'till-1' }));
      server.resourceVersion = 900;
      expire(server);
      await clock.advance(5_000);
      expect(server.requests.slice(-2)).toEqual(['GET /api/v1/pods', 'WATCH 900']);
      expect(news).toEqual(['pod ended']);
    },
  );

  it('starts a list over when its continuation expires, and ends nobody by the half it saw', async () => {
    const { server, clock, view, news } = await aWatch((fake) => {
      for (let at = 1; at < 4; at += 1)
        fake.pods.set(`till-${at}`, aPodObject({ uid: uidOf(at), name: `till-${at}` }));
    });
    server.pageSize = 2;
    let answers = 0;
    server.beforeAnswer = () => {
      answers += 1;
      if (answers === 2) server.failures.push(410);
    };
    server.event('ERROR', { kind: 'Status', code: 410 });
    await clock.advance(10_000);
    expect(answers).toBe(4);
    expect(view.size()).toBe(4);
    expect(news).toEqual([]);
  });

  it.each([
    ['ends', 'is gone by then', undefined, 'ended'],
    ['ends', 'has a successor by then', aPodObject({ uid: uidOf(8), name: 'late' }), 'ended'],
    ['keeps', 'is still there', aPodObject({ uid: uidOf(7), name: 'late' }), 'running'],
  ] as const)(
    '%s a pod found during a list that does not name it, when it %s',
    async (_what, _when, then, phaseThen) => {
      const { server, clock, view, phase } = await aWatch();
      server.beforeAnswer = () => {
        server.beforeAnswer = () => {
          if (then !== undefined) server.pods.set('late', then);
        };
        view.insert(aRecord({ uid: uidOf(7), name: 'late' }));
      };
      server.event('ERROR', { kind: 'Status', code: 410 });
      await clock.advance(5_000);
      expect(server.requests.slice(-2)).toEqual(['GET /api/v1/namespaces/shop/pods/late', 'WATCH 100']);
      server.bookmark();
      await settle();
      expect(phase(uidOf(7))).toBe(phaseThen);
    },
  );

  it('ages while it is cut off and is fresh again after the next sign of life', async () => {
    const { server, clock, view } = await aWatch();
    server.failures.push(...Array.from({ length: 40 }, () => 503));
    server.cut();
    await clock.advance(61_000);
    expect(view.freshness()).toBe('stale');
    await clock.advance(600_000);
    expect(view.freshness()).toBe('lost');
    server.failures.length = 0;
    await clock.advance(20_000);
    // An open connection is no proof yet: only an event or a bookmark is.
    expect([server.watching, view.freshness()]).toEqual([1, 'lost']);
    server.bookmark();
    await settle();
    expect(view.freshness()).toBe('fresh');
  });

  it('stays fresh in a quiet cluster, where a watch ends in time without even a bookmark', async () => {
    const { server, clock, view } = await aWatch();
    const lists = () => server.requests.filter((request) => request.startsWith('GET')).length;
    for (let round = 1; round <= 20; round += 1) {
      await clock.advance(20_000);
      server.end();
      await clock.advance(500);
      expect([lists(), server.watching, view.freshness()]).toEqual([round + 1, 1, 'fresh']);
    }
    // Where something is told, that is enough.
    server.bookmark();
    await settle();
    server.end();
    await clock.advance(500);
    expect([lists(), server.watching]).toEqual([21, 1]);
  });

  it.each([5, 6, 8, 11, 12, 15, 60, 3_600])(
    'stays fresh where one watch is told something at its beginning and the next one nothing, for %i s',
    async (staleAfterSeconds) => {
      const { server, clock, view } = await aWatch(undefined, staleAfterSeconds);
      const lasts = watchSeconds(staleAfterSeconds) * 1000;
      for (let round = 1; round <= 5; round += 1) {
        server.bookmark();
        await settle();
        for (const ms of [lasts, 250]) await clock.advance(ms);
        server.end();
        await clock.advance(250);
        await clock.advance(lasts);
        expect(view.freshness()).toBe('fresh');
        server.end();
        await clock.advance(250);
        expect([server.watching, view.freshness()]).toEqual([1, 'fresh']);
      }
    },
  );

  it('does not list again and again from a server that ends every watch at once', async () => {
    const { server, clock } = await aWatch();
    for (let second = 0; second < 120; second += 1) {
      server.end();
      await clock.advance(1_000);
    }
    expect(server.requests.length).toBeLessThan(36);
  });

  it('backs off from a server that refuses or ends every watch at once', async () => {
    const { server, clock } = await aWatch();
    server.failures.push(...Array.from({ length: 100 }, () => 500));
    server.cut();
    await clock.advance(120_000);
    expect(server.requests.length).toBeLessThan(18);
  });

  it.each([
    ['no JSON', '{"type":'],
    ['no event', '[]'],
    ['no version', '{"type":"MODIFIED","object":{}}'],
    ['another error', '{"type":"ERROR","object":{"code":500}}'],
  ])('does not go on past an event with %s', async (_what, line) => {
    const { server, clock, ended } = await aWatch();
    server.raw(line);
    await settle();
    expect([server.watching, ended]).toEqual([0, ['failed']]);
    await clock.advance(1_000);
    expect(server.requests.at(-1)).toBe('WATCH 100');
  });

  it('leaves out a pod that it cannot read, and still hears of the end of others', async () => {
    const { server, phase } = await aWatch();
    server.event('ADDED', changed('101', { uid: uidOf(1), name: 'TILL/1' }));
    server.event('DELETED', { metadata: { uid: podUid, resourceVersion: '102' } });
    await settle();
    expect([phase(), phase(uidOf(1))]).toEqual(['ended', 'ended']);
  });

  it('finds one pod by name, and says when there is none or no answer', async () => {
    const { server, source } = await aWatch();
    const signal = new AbortController().signal;
    expect((await source.find('shop', 'till-0', signal))?.uid).toBe(podUid);
    expect(server.requests.at(-1)).toBe('GET /api/v1/namespaces/shop/pods/till-0');
    expect(await source.find('shop', 'till-9', signal)).toBeUndefined();
    for (const status of [401, 403, 500]) {
      server.failures.push(status);
      await expectRefusal(
        () => source.find('shop', 'till-0', signal),
        'identity_unavailable',
        RegExp(String(status)),
      );
    }
    server.pods.set('till-0', { kind: 'Status' });
    await expectRefusal(() => source.find('shop', 'till-0', signal), 'identity_unavailable', /not a pod/);
  });
});
