import type { Client, ClientConfig } from 'pg';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Feed } from '../feed.ts';
import { connectOnce } from './connect.ts';
import { channel, parsePayload } from './notify.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { wrapPostgresError } from './postgres-error.ts';

const firstPauseMs = 250;
const longestPauseMs = 5_000;
/** A connection that says nothing may be cut without a word; the question is what finds that out. */
const askMs = 10_000;

export interface Listening extends AsyncDisposable {
  /** Resolves when it listens, or when the first try to do so has failed. */
  readonly begun: Promise<undefined>;
}

/**
 * Listens on a connection of its own for as long as it lives, and makes it anew when it breaks: then listeners are told that they may
 * have missed something. Never throws.
 */
export function startListening(options: {
  readonly client: ClientConfig;
  readonly config: Pick<PostgresConfig, 'schema'>;
  readonly feed: Pick<Feed, 'tell'>;
  readonly clock: Clock;
  readonly log: Log;
}): Listening {
  const { clock, feed, log } = options;
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const begun = Promise.withResolvers<undefined>();

  const listen = async (onListening: () => void): Promise<void> => {
    await using connection = await connectOnce(options.client, stopping.signal);
    const { client } = connection;
    const broken = whenBroken(client);
    client.on('notification', ({ payload }) => {
      const change = parsePayload(payload, options.config.schema);
      if (change !== undefined) feed.tell([change]);
    });
    await client.query(`LISTEN ${channel}`);
    onListening();
    while (!isStopping()) {
      await Promise.race([broken, clock.sleep(askMs, stopping.signal).catch(() => undefined)]);
      if (!isStopping()) await client.query('SELECT 1');
    }
  };

  const run = async (): Promise<void> => {
    let pauseMs = firstPauseMs;
    let isFirst = true;
    while (!isStopping()) {
      try {
        await listen(() => {
          pauseMs = firstPauseMs;
          if (!isFirst) feed.tell([{ kind: 'missed' }]);
          begun.resolve(undefined);
        });
      } catch (error) {
        begun.resolve(undefined);
        if (isStopping()) return;
        log.warn('the feed of changes is interrupted', {}, wrapPostgresError(error, 'listen'));
        await clock.sleep(pauseMs, stopping.signal).catch(() => undefined);
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      }
      isFirst = false;
    }
  };

  const running = run();
  return {
    begun: begun.promise,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
    },
  };
}

function whenBroken(client: Client): Promise<void> {
  return new Promise((resolve) => {
    client.once('end', () => resolve());
    client.once('error', () => resolve());
  });
}
