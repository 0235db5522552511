import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientConfig } from '../../../src/ledger/postgres/connect.ts';
import { createConnections } from '../../../src/ledger/postgres/connections.ts';
import type { Sql } from '../../../src/ledger/postgres/statements.ts';
import {
  createTransactions,
  SeenTooEarly,
  type Transactions,
} from '../../../src/ledger/postgres/transactions.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { describeWith } from '../../support/require.ts';
import { type PostgresWorld, startPostgresWorld, timelessClock } from './postgres-world.ts';

describeWith(['postgres'], 'transactions of the PostgreSQL ledger', () => {
  let world: PostgresWorld;
  let transactions: Transactions;
  beforeAll(async () => {
    world = await startPostgresWorld();
    const config = world.config();
    // Makes the schema.
    await (await world.open(config))[Symbol.asyncDispose]();
    const connections = createConnections({ config, client: await clientConfig(config), log: silentLog });
    transactions = createTransactions({ connections, clock: timelessClock, random: Math.random });
  });
  afterAll(async () => {
    await transactions[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const put = (sql: Sql, key: string, value: string) =>
    sql.run('INSERT INTO meta (key, value) VALUES ($1, $2)', key, value);
  const values = (prefix: string) =>
    transactions.each('look', async (sql) =>
      (await sql.all('SELECT value FROM meta WHERE key LIKE $1 ORDER BY key', `${prefix}%`)).map(
        ({ value }) => value,
      ),
    );

  it('repeat what met a deadlock, as a whole', async () => {
    let tries = 0;
    const meeting = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const locks = (first: number, second: number) =>
      transactions.change('lock', async (sql) => {
        tries += 1;
        await sql.get('SELECT pg_advisory_xact_lock($1::int)', first);
        meeting[first]?.resolve(undefined);
        await meeting[second]?.promise;
        await sql.get('SELECT pg_advisory_xact_lock($1::int)', second);
        await put(sql, `deadlock-${first}`, String(first));
      });
    await Promise.all([locks(0, 1), locks(1, 0)]);
    expect(tries).toBe(3);
    expect(await values('deadlock')).toEqual(['0', '1']);
  });

  it.each([
    ['collides', (sql: Sql): Promise<unknown> => sql.run('SELECT collide()')],
    ['comes too late', (): Promise<unknown> => Promise.reject(new SeenTooEarly())],
  ])('give up what always %s, and leave nothing of it', async (name, fail) => {
    await transactions.change('prepare', (sql) =>
      sql.run(`CREATE OR REPLACE FUNCTION collide() RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$`),
    );
    let tries = 0;
    const failing = transactions.change(name, async (sql) => {
      tries += 1;
      await put(sql, `given-up-${tries}`, 'x');
      await fail(sql);
    });
    await expect(failing).rejects.toMatchObject({ code: 'ledger_unavailable' });
    expect(tries).toBe(5);
    expect(await values('given-up')).toEqual([]);
  });

  describe('that fail in the middle', () => {
    it('undo all of it and leave the connection to others', async () => {
      const failing = transactions.change('fail', async (sql) => {
        await Promise.all([put(sql, 'half-1', 'x'), put(sql, 'half-1', 'y'), put(sql, 'half-2', 'z')]);
      });
      await expect(failing).rejects.toMatchObject({ code: 'ledger_conflict' });
      expect(await values('half')).toEqual([]);
      await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          transactions.change('go on', (sql) => put(sql, `whole-${index}`, 'x')),
        ),
      );
      expect(await values('whole')).toHaveLength(30);
    });

    it('are no success when nobody looked at the failure', async () => {
      const failing = transactions.change('swallow', async (sql) => {
        await put(sql, 'swallowed', 'x');
        await put(sql, 'swallowed', 'y').catch(() => undefined);
      });
      await expect(failing).rejects.toMatchObject({
        code: 'internal',
        detail: 'the transaction was rolled back at its end',
      });
      expect(await values('swallowed')).toEqual([]);
    });

    it('are undone by an error of their own code, too', async () => {
      const failing = transactions.change('throw', async (sql) => {
        await put(sql, 'thrown', 'x');
        throw new RangeError('a fault');
      });
      await expect(failing).rejects.toMatchObject({ code: 'internal' });
      expect(await values('thrown')).toEqual([]);
    });
  });

  it('end with the server for a statement that takes too long', async () => {
    const slow = transactions.change('wait', async (sql) => {
      await sql.get(`SELECT set_config('statement_timeout', '100ms', true)`);
      await sql.get('SELECT pg_sleep(30)');
    });
    await expect(slow).rejects.toMatchObject({
      code: 'ledger_unavailable',
      detail: 'wait: the statement took too long (SQLSTATE 57014)',
    });
  });
});
