import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestPostgres } from '../support/parts/postgres.ts';
import { describeWith } from '../support/require.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';
import type { Holder, Login } from './holder.ts';
import { freeAddress, type OtherBroker, startOtherBroker } from './other-broker.ts';
import { createPods } from './pods.ts';
import { startSharedLedger } from './shared-ledger.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';

describeWith(['vault', 'postgres', 'kubernetes'], 'three brokers on one PostgreSQL', () => {
  let database: TestPostgres;
  let site: Site;
  let folder: TempFolder;
  const others: OtherBroker[] = [];
  beforeAll(async () => {
    const shared = await startSharedLedger();
    database = shared.database;
    site = await startSite({
      ...shared.tuning,
    });
    folder = await createTempFolder({ name: 'other-brokers' });
  });
  afterAll(async () => {
    for (const other of others) await other[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
    await folder.remove();
    await database.stop();
  });

  const { run, hold, seen, loginOf, canLogin, isGone } = createPods(() => site);
  const start = async (name: string, workloads?: string): Promise<OtherBroker> => {
    const other = await startOtherBroker(site.files, {
      folder: folder.path,
      name,
      workloads: workloads ?? (await freeAddress()),
    });
    others.push(other);
    return other;
  };
  /** Accounts made at the backend so far; a broker that reads static secrets makes a short token for that. */
  const issued = async () =>
    (await site.vaultRequests()).filter((path) => path.startsWith('database/creds')).length;
  /** Where each pod of that name is held now. */
  const heldAt = async (prefix: string): Promise<ReadonlyMap<string, string>> => {
    const rows = await database.query(
      `SELECT session.identity->>'pod' AS pod, replica.address AS address FROM leasehold.session
       JOIN leasehold.holder ON holder.session = session.id AND holder.attached
       JOIN leasehold.replica ON replica.id = holder.replica
       WHERE session.state = 'active' AND session.identity->>'pod' LIKE '${prefix}%'`,
    );
    return new Map(rows.map(({ pod, address }) => [String(pod), String(address)]));
  };

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'hold what one of them held after %s, with nothing issued',
    async (signal) => {
      const name = signal.toLowerCase();
      const second = await start(`${name}-second`);
      // Not there yet, so that all begin with the one that goes.
      const address = await freeAddress();
      await using holders = new AsyncDisposableStack();
      const held = new Map<string, { readonly holder: Holder; readonly login: Login }>();
      for (const pod of ['a', 'b', 'c'].map((one) => `${name}-${one}`)) {
        const holder = holders.use(await hold(await run(pod), { brokers: [second.workloads, address] }));
        held.set(pod, { holder, login: await loginOf(holder) });
      }
      const stays = holders.use(await hold(await run(`${name}-stays`)));
      held.set(`${name}-stays`, { holder: stays, login: await loginOf(stays) });
      expect(new Set((await heldAt(name)).values())).toEqual(
        new Set([second.workloads, site.files.workloads]),
      );
      await start(`${name}-third`, address);
      const made = await issued();
      if (signal === 'SIGKILL') second.process.signal('SIGKILL');
      await second.process.stop();
      for (const [pod, { holder, login }] of held) {
        await seen(holder, `${pod} to be held`, async () => {
          const at = (await heldAt(name)).get(pod);
          return at === (holder === stays ? site.files.workloads : address);
        });
        expect(await holder.readLogin()).toEqual(login);
        expect(await canLogin(login)).toBe(true);
      }
      expect(await issued()).toBe(made);
    },
  );

  it('tell a holder at one of them what was revoked at another', async () => {
    const other = await start('revoking');
    await using holder = await hold(await run('told'), { brokers: [other.workloads] });
    const login = await loginOf(holder);
    expect((await heldAt('told')).get('told')).toBe(other.workloads);
    const revoke = await site.command(
      ...['revoke', '--pod', 'shop/told', '--reason', 'drill', '--yes', '--wait', '30s'],
    );
    expect(revoke.status, revoke.stderr).toBe(0);
    await seen(holder, 'the files to go', async () => (await holder.list()).length === 0);
    expect(await isGone(login)).toBe(true);
  });
});
