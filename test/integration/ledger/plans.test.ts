import { expect, it } from 'vitest';
import { aPod, anActiveSession, wholeLife } from '../../contract/ledger/ledger-world.ts';
import { describeWith } from '../../support/require.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { startPostgresWorld } from './postgres-world.ts';

const others = 400;
const byState = ['credential_settlement', 'session_state'];

/** Which index serves must not hang on statistics, which a new server gathers after a minute only. */
describeWith(['postgres'], 'on a PostgreSQL without statistics', () => {
  it('no step of the life of a session looks through those of others', async () => {
    await using world = await startPostgresWorld();
    const config = world.config();
    const query = (text: string, values?: readonly unknown[]) => world.server.query(text, values);
    // However long this takes.
    await query('ALTER SYSTEM SET autovacuum = off');
    await query('SELECT pg_reload_conf()');
    // What is read in a table that is as good as empty says nothing.
    {
      await using ledger = await world.open(config);
      await Promise.all(
        Array.from({ length: others }, (_none, index) =>
          anActiveSession(ledger, { identity: aPod(`other-${index}`) }),
        ),
      );
    }
    const uses = async () => {
      const rows = await query(
        `SELECT indexrelname AS name, idx_scan AS scans FROM pg_stat_user_indexes WHERE schemaname = $1`,
        [config.schema],
      );
      return new Map(rows.map(({ name, scans }) => [String(name), Number(scans)]));
    };
    // Counted when the process of a connection ends, which is after the ledger has let go of it.
    const counted = async (least: number) => {
      const connected = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'leasehold'`;
      await waitFor('the connections to end', async () => (await query(connected)).length === 0);
      expect((await uses()).get('credential_lease_set') ?? 0).toBeGreaterThanOrEqual(least);
    };
    await counted(others);
    await query('SELECT pg_stat_reset()');
    {
      await using ledger = await world.open(config);
      await wholeLife(ledger);
    }
    await counted(1);
    const after = await uses();
    expect(byState.map((name) => [name, after.get(name)])).toEqual(byState.map((name) => [name, 0]));
  });
});
