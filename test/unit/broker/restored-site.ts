import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Audit } from '../../../src/audit/audit.ts';
import { filesOfLogs } from '../../../src/audit/file-set.ts';
import { parseRecordText, type ReadRecord } from '../../../src/audit/record.ts';
import { startAudit } from '../../../src/broker/start-audit.ts';
import type { Log } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { aPod, aVerified, createWorld, type Holder, type World } from '../lease/world.ts';

/** The engine on a ledger in a file, and its audit log in another: as a broker has them. */
export interface RestoredSite extends AsyncDisposable {
  readonly world: World;
  readonly file: string;
  readonly said: readonly string[];
  copy(): Promise<string>;
  /** Stops the broker and starts it on that copy, with the log as it is. `meanwhile` is done to the files in between. */
  restore(copy: string, meanwhile?: () => Promise<void>): Promise<void>;
  /** As it was left, under this name from now on. */
  restart(name?: string): Promise<void>;
  records(): Promise<readonly ReadRecord[]>;
  take(uid: string): Promise<Holder>;
  /** Why it is refused; undefined when it gets a login. */
  refusal(uid: string): Promise<string | undefined>;
}

export async function createRestoredSite(
  options: { readonly maxBytes?: number } = {},
): Promise<RestoredSite> {
  await using building = new AsyncDisposableStack();
  const folder = building.use(await createTempFolder({ name: 'restored', parent: '/dev/shm' }));
  const [file, hmacKeyFile] = [join(folder.path, 'audit.jsonl'), join(folder.path, 'hmac')];
  await writeFile(hmacKeyFile, '0123456789abcdef', { mode: 0o600 });
  const world = building.use(await createWorld());
  const said: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => void said.push(message),
    error: (message) => void said.push(message),
    child: () => log,
  };
  const metrics = building.use(createMetrics());
  let name = 'one';
  let audit: Audit | undefined;
  /** What waits may need time to pass. */
  const passing = async <T>(task: Promise<T>): Promise<T> => {
    const timer = setInterval(() => world.clock.advance(1_000), 1);
    try {
      return await task;
    } finally {
      clearInterval(timer);
    }
  };
  const rotate = { maxBytes: options.maxBytes ?? 1e9, maxAgeMs: 1e9 };
  const open = async (ledger = world.ledger) => {
    audit = await passing(
      startAudit({
        config: {
          sink: { kind: 'file', file, rotate },
          hmacKeyFile,
          // Of a clock that runs a thousand times faster while something is waited for: a sync takes milliseconds, and more on a busy disk.
          maxWaitMs: 86_400_000,
        },
        replica: name,
        ledger,
        metrics: { ...metrics, gauge: () => () => undefined },
        now: () => world.clock.now(),
        clock: world.clock,
        log,
        signal: AbortSignal.timeout(50_000),
      }),
    );
  };
  const close = async () => {
    const closing = audit;
    audit = undefined;
    await closing?.[Symbol.asyncDispose]();
  };
  await open();
  building.defer(close);
  world.setAudit(async (event) => audit?.record(event));
  const take = async (uid: string) => {
    const holder = await world.holder(aVerified(aPod(uid)));
    await holder.take('db');
    return holder;
  };
  const restore: RestoredSite['restore'] = async (copy, meanwhile) =>
    world.restore(copy, {
      leave: async () => {
        await close();
        await meanwhile?.();
      },
      enter: open,
    });
  const owned = building.move();
  return {
    world,
    file,
    said,
    copy: () => world.copyLedger(),
    restore,
    restart: async (next = name) => {
      name = next;
      await restore(await world.copyLedger());
    },
    records: async () =>
      (await filesOfLogs([file]))
        .map((path) => readFileSync(path, 'utf8'))
        .flatMap((text) => text.split('\n'))
        .flatMap((line) => parseRecordText(line) ?? []),
    take,
    refusal: async (uid) => (await take(uid)).last('refused')?.code,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
