import { z } from 'zod';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { IdentityEvents } from './identity-events.ts';
import { WatchRefused } from './kube-client.ts';
import type { KubeClient, Query } from './kube-client.ts';
import { parsePod, podUid } from './pod-record.ts';
import type { Interner, PodRecord } from './pod-record.ts';
import type { PodFeed, PodSource } from './pod-source.ts';

export interface PodWatchOptions {
  readonly cluster: string;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: IdentityEvents;
  readonly interner: Interner;
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
  /**
   * How long one watch request lasts. The API server sends a bookmark each minute and two seconds before this time is up,
   * so it also bounds how long a quiet cluster gives no sign of life.
   */
  readonly watchSeconds: number;
}

const pageSize = 250;
const maxPageBytes = 256 * 1024 * 1024;
/** etcd holds objects up to 1.5 MiB; JSON escapes and the old version of a conversion make it larger. */
const maxEventBytes = 8 * 1024 * 1024;
const listTimeoutMs = 60_000;
const findTimeoutMs = 5_000;
const firstBackoffMs = 250;
const maxBackoffMs = 20_000;

/** A finished pod counts as gone, and leaving it out saves the memory of every completed job. The watch reports its end as a deletion. */
const unfinished: Query = { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' };

const metadata = z.object({ resourceVersion: z.string().min(1), continue: z.string().optional() });
const listSchema = z.object({ metadata, items: z.array(z.unknown()) });
const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const versionSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });
const statusSchema = z.object({ code: z.number() });

/** The resource version to go on from is no longer served: take a new list. */
class VersionExpired extends Error {}

/** One list, then one watch from there on; everything else is recovery. */
export function createPodWatch(options: PodWatchOptions): PodSource {
  const { cluster, client, clock, log, events, interner, random, watchSeconds } = options;

  const find: PodSource['find'] = async (namespace, name, signal) => {
    // Both names have passed the API's own name rules, so they cannot leave their place in the path.
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
    const reply = await client.get(path, {
      query: {},
      maxBytes: maxEventBytes,
      timeoutMs: findTimeoutMs,
      signal,
    });
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw unavailable(`pod get answered ${reply.status}`);
    const record = parsePod(json(reply.body.toString('utf8')), interner);
    if (record === undefined) throw unavailable('pod get is not a pod');
    return record;
  };

  const list = async (feed: PodFeed, signal: AbortSignal): Promise<string> => {
    // What the list shows is as old as the request that asked for it.
    const askedAt = clock.monotonic();
    const podList = feed.beginList();
    let next: string | undefined;
    for (;;) {
      const page = await getPage(next, signal);
      for (const item of page.items) {
        const record = parsePod(item, interner);
        if (record === undefined) log.warn('a listed pod cannot be read', { cluster });
        else podList.put(record);
      }
      next = page.metadata.continue;
      if (next === undefined || next === '') {
        feed.touch(askedAt);
        await settleDoubt(feed, podList.commit(), signal);
        events.podsListed(cluster);
        return page.metadata.resourceVersion;
      }
    }
  };

  /** Asked after the list was taken, the answer is right until the watch says otherwise. */
  const settleDoubt = async (feed: PodFeed, doubtful: readonly PodRecord[], signal: AbortSignal) => {
    for (const { uid, namespace, name } of doubtful) {
      const now = await find(namespace, name, signal);
      if (now?.uid !== uid) feed.remove(uid);
    }
  };

  const getPage = async (next: string | undefined, signal: AbortSignal) => {
    const reply = await client.get('/api/v1/pods', {
      query: { ...unfinished, limit: String(pageSize), ...(next === undefined ? {} : { continue: next }) },
      maxBytes: maxPageBytes,
      timeoutMs: listTimeoutMs,
      signal,
    });
    if (reply.status === 410) throw new VersionExpired();
    if (reply.status !== 200) throw unavailable(`pod list answered ${reply.status}`);
    const parsed = listSchema.safeParse(json(reply.body.toString('utf8')));
    if (!parsed.success) throw unavailable('pod list is not a list');
    return parsed.data;
  };

  /** Follows one watch request to its end and returns the version to go on from. */
  const follow = async (
    feed: PodFeed,
    from: string,
    signal: AbortSignal,
    onProgress: (version: string) => void,
  ) => {
    const lines = client.watch('/api/v1/pods', {
      query: {
        ...unfinished,
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: from,
        timeoutSeconds: String(watchSeconds),
      },
      maxLineBytes: maxEventBytes,
      // A watch that is silent past its own end hangs on a dead connection.
      idleMs: (watchSeconds + 5) * 1000,
      signal,
    });
    for await (const line of lines) {
      const version = apply(feed, line);
      feed.touch(clock.monotonic());
      onProgress(version);
    }
  };

  const apply = (feed: PodFeed, line: string): string => {
    const event = eventSchema.safeParse(json(line));
    if (!event.success) throw unavailable('watch event is not an event');
    const { type, object } = event.data;
    if (type === 'ERROR') {
      const status = statusSchema.safeParse(object);
      if (status.success && status.data.code === 410) throw new VersionExpired();
      throw unavailable('watch reported an error');
    }
    const version = versionSchema.safeParse(object);
    if (!version.success) throw unavailable('watch event has no version');
    if (type === 'DELETED') {
      const uid = podUid(object);
      if (uid !== undefined) feed.remove(uid);
    } else if (type === 'ADDED' || type === 'MODIFIED') {
      const record = parsePod(object, interner);
      if (record === undefined) log.warn('a watched pod cannot be read', { cluster });
      else feed.put(record);
    }
    return version.data.metadata.resourceVersion;
  };

  return {
    run: async (feed, signal) => {
      const isStopped = () => signal.aborted;
      let version: string | undefined;
      let failures = 0;
      while (!isStopped()) {
        // A server that ends watches before they said anything must not turn this loop into a flood.
        failures += 1;
        try {
          version ??= await list(feed, signal);
          let heard = 0;
          const startedAt = clock.monotonic();
          await follow(feed, version, signal, (reached) => {
            version = reached;
            failures = 0;
            heard += 1;
          });
          events.watchEnded(cluster, 'timeout');
          // A server sends bookmarks only once its own version has moved on, which in a quiet cluster may be never: no failure. What is not told is
          // asked for, or the view would go stale although all is well.
          if (heard === 0) version = undefined;
          if (clock.monotonic() - startedAt >= (watchSeconds * 1000) / 2) failures = 0;
        } catch (error) {
          if (isStopped()) return;
          const isExpired =
            error instanceof VersionExpired || (error instanceof WatchRefused && error.status === 410);
          if (isExpired) version = undefined;
          events.watchEnded(cluster, isExpired ? 'expired' : 'failed');
          log.warn('pod watch interrupted', { cluster, expired: isExpired, failures }, error);
        }
        await pause(clock, backoffMs(failures, random), signal);
      }
    },

    find,
  };
}

/** Full jitter, so that many brokers do not come back to a restarted API server in step. */
function backoffMs(failures: number, random: () => number): number {
  const ceiling = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures, 10));
  return ceiling / 4 + random() * ceiling * 0.75;
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch {
    // Aborted: the loop looks at the signal next.
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unavailable('the API server sent something that is not JSON');
  }
}

function unavailable(detail: string): LeaseholdError {
  return new LeaseholdError('identity_unavailable', { detail });
}
