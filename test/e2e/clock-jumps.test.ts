import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ShiftedClock, createShiftedClock } from '../support/shifted-clock.ts';
import type { TestPostgres } from '../support/parts/postgres.ts';
import { startSwitch } from '../support/switch.ts';
import { describeWith } from '../support/require.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';
import { freeAddress, type OtherBroker, startOtherBroker } from './other-broker.ts';
import { createPods } from './pods.ts';
import { startSharedLedger } from './shared-ledger.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';

/*
 * Three brokers on one ledger; the wall clock of one of them jumps while it holds sessions, as does that of a machine whose time is set. It
 * may then refuse proofs, whose times it reads by its own clock; their holders go to the others and keep what they have.
 */
const hour = 3_600;
const ttlSeconds = 20;
const maxSeconds = 40;
/** A new user lasts so much longer than its lease, and a busy machine is late to see it. */
const vaultExtraMs = 8_000;

describeWith(['vault', 'postgres', 'kubernetes'], 'a clock that jumps at one of three brokers', () => {
  let database: TestPostgres;
  let site: Site;
  let folder: TempFolder;
  let clock: ShiftedClock;
  let shifted: OtherBroker;
  const others: OtherBroker[] = [];
  beforeAll(async () => {
    const shared = await startSharedLedger();
    database = shared.database;
    site = await startSite({
      bundle: { ttl: `${ttlSeconds}s`, maxTtl: `${maxSeconds}s`, overlap: '5s' },
      vault: { probationSeconds: 10 },
      ...shared.tuning,
    });
    folder = await createTempFolder({ name: 'clock-jumps' });
    clock = await createShiftedClock(folder.path);
    for (const name of ['second', 'shifted']) {
      const env = name === 'shifted' ? { env: clock.env } : {};
      others.push(
        await startOtherBroker(site.files, {
          folder: folder.path,
          name,
          workloads: await freeAddress(),
          ...env,
        }),
      );
    }
    const last = others.at(-1);
    if (last === undefined) throw new Error('no broker');
    shifted = last;
  });
  afterAll(async () => {
    for (const other of others) await other[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
    await folder.remove();
    await database.stop();
  });

  const { run, hold, seen, loginOf, canLogin, isGone } = createPods(() => site);

  /** When the database itself stops letting a user in; undefined where it is gone. */
  const endOf = async (username: string): Promise<number | undefined> => {
    const [row] = await site.parts.postgres.query(
      'SELECT extract(epoch FROM rolvaliduntil)::float8 * 1000 AS ends FROM pg_roles WHERE rolname = $1',
      [username],
    );
    return row === undefined ? undefined : Number(row['ends']);
  };

  it.each([
    { name: 'forward', seconds: hour },
    { name: 'back', seconds: -hour },
  ])(
    'an hour $name ends nothing early and lets nothing live past its deadline',
    async ({ name, seconds }) => {
      await clock.set(0);
      // So that it begins with the one whose clock jumps, which then finds its proofs too old or too new.
      await using way = await startSwitch(site.files.workloads);
      way.close(true);
      await using holder = await hold(await run(`jump-${name}`), {
        brokers: [shifted.workloads, way.address],
      });
      const first = await loginOf(holder);
      const issuedAt = Date.now();
      await clock.set(seconds);
      way.close(false);
      // What is renewed is renewed up to the deadline and no further, and that holds for as long as the account is there.
      let renewed = 0;
      let last = await endOf(first.username);
      await seen(holder, 'another login in place of the first', async () => {
        const ends = await endOf(first.username);
        if (ends === undefined) return true;
        if (last !== undefined && ends > last) renewed += 1;
        last = ends;
        expect(ends).toBeLessThanOrEqual(issuedAt + maxSeconds * 1000 + vaultExtraMs);
        return false;
      });
      expect(renewed).toBeGreaterThan(0);
      expect(last).toBeGreaterThan(issuedAt + (maxSeconds - ttlSeconds) * 1000);
      const second = await loginOf(holder, ({ username }) => username !== first.username);
      expect(await canLogin(second)).toBe(true);
      expect(await isGone(first)).toBe(true);
      expect(shifted.process.exited).toBe(false);
    },
  );

  it('serves new holders at the others, which see the time as it is', async () => {
    await clock.set(hour);
    await using holder = await hold(await run('meanwhile'), {
      brokers: [shifted.workloads, site.files.workloads],
    });
    expect(await canLogin(await loginOf(holder))).toBe(true);
  });
});
