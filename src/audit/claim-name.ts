import { z } from 'zod';
import type { MetaLedger } from '../ledger/meta.ts';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { parseJson } from '../platform/json-text.ts';
import type { Log } from '../platform/log.ts';
import { randomId } from '../platform/random-id.ts';

/** A replica's name in the ledger, held by one living broker. */
export interface NameClaim extends AsyncDisposable {
  /** Aborts when another broker has taken the name: this one must not write under it any more. */
  readonly lost: AbortSignal;
  /** Of this broker's life; no other one ever has it. */
  readonly life: string;
  /** By the ledger, at this moment; false aborts `lost`. Throws as the ledger does. */
  isHeld(): Promise<boolean>;
}

const claimSchema = z.strictObject({
  /** Random id of the broker's life; empty when one of an older version has let the name go. */
  life: z.string(),
  host: z.string(),
  pid: z.int(),
  beat: z.int(),
});

export type Claim = z.infer<typeof claimSchema>;

/** Of the keys in the ledger. */
export const claimPrefix = 'replica_name/';

/** How often a living broker says so. */
const beatMs = 5_000;
/** Longer than a beat: a claim that has not moved by then is of a broker that was killed. */
const watchMs = 6_000;

/**
 * Two brokers with one name would write over each other's place in the audit chain. Nobody's clock is compared: whoever finds a claim watches
 * whether it moves. Throws `config_invalid` when another broker lives under the name.
 */
export async function claimName(options: {
  readonly ledger: Pick<MetaLedger, 'readMeta' | 'replaceMeta'>;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** Of a process of this machine. */
  readonly isAlive: (pid: number) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<NameClaim> {
  const { ledger, name, host, pid, clock, log } = options;
  const key = `${claimPrefix}${name}`;
  const life = randomId('lif_');
  const lost = new AbortController();
  const at = (beat: number): string => JSON.stringify({ life, host, pid, beat } satisfies Claim);
  const refused = () =>
    new LeaseholdError('config_invalid', {
      detail: `replica.name: another broker lives under the name ${name}`,
    });

  let found = await ledger.readMeta(key);
  const before = claimIn(found);
  if (before !== undefined && before.life !== '' && !isGone(before, options)) {
    log.info('the name of this replica is watched, because its last holder did not let it go', { name });
    await clock.sleep(watchMs, options.signal);
    found = await ledger.readMeta(key);
    const now = claimIn(found);
    if (now !== undefined && (now.life !== before.life || now.beat !== before.beat)) throw refused();
  }
  /** As it stands in the ledger, as far as is known. */
  let held = at(0);
  // Two that start at once have seen the same, and one of them is first.
  if (!(await ledger.replaceMeta({ key, from: found, to: held }))) throw refused();

  const isHeld = async (): Promise<boolean> => {
    if (lost.signal.aborted) return false;
    const text = await ledger.readMeta(key);
    const holder = claimIn(text);
    if (holder?.life === life && text !== undefined) {
      held = text;
      return true;
    }
    // Of a ledger that was restored from a copy of before; what cannot be read is nobody's.
    if (holder === undefined && (await ledger.replaceMeta({ key, from: text, to: held }))) return true;
    if (holder === undefined) return isHeld();
    log.error('another broker has taken the name of this replica, and nothing is issued here any more', {
      name,
    });
    lost.abort();
    return false;
  };

  let beats = 0;
  let beating: Promise<void> = Promise.resolve();
  let cancel: () => void = () => undefined;
  const beat = async (): Promise<void> => {
    try {
      beats += 1;
      const next = at(beats);
      if (await ledger.replaceMeta({ key, from: held, to: next })) held = next;
      // The answer to the beat before may have been lost; the next beat goes on from what is there.
      else if (!(await isHeld())) return;
    } catch (error) {
      // Without the ledger nothing is issued anyway, and nobody else can claim the name there.
      log.warn('the name of this replica could not be held in the ledger', { name }, error);
    }
    wait();
  };
  const wait = () => {
    cancel = clock.after(beatMs, () => {
      beating = beat();
    });
  };
  wait();
  return {
    lost: lost.signal,
    life,
    isHeld,
    [Symbol.asyncDispose]: async () => {
      await beating;
      cancel();
      if (lost.signal.aborted) return;
      try {
        // So that whoever comes next need not watch.
        if (await isHeld()) await ledger.replaceMeta({ key, from: held, to: undefined });
      } catch (error) {
        log.warn('the name of this replica could not be let go', { name }, error);
      }
    },
  };
}

export function claimIn(text: string | undefined): Claim | undefined {
  const parsed = claimSchema.safeParse(text === undefined ? undefined : parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** A process of this machine that is known not to run. Another with the same number may be itself, in a container that was restarted. */
function isGone(
  found: Claim,
  {
    host,
    pid,
    isAlive,
  }: { readonly host: string; readonly pid: number; readonly isAlive: (pid: number) => boolean },
): boolean {
  return found.host === host && found.pid !== pid && !isAlive(found.pid);
}
