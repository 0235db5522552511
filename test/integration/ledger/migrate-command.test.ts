import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { parse, stringify } from 'yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrations } from '../../../src/ledger/postgres/schema.ts';
import { runLeasehold } from '../../support/leasehold-process.ts';
import { describeWith } from '../../support/require.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';
import {
  aLeaseSet,
  anActiveSession,
  rotateTo,
  settleAll,
  start,
} from '../../contract/ledger/ledger-world.ts';
import { type PostgresWorld, startPostgresWorld } from './postgres-world.ts';

const example = join(import.meta.dirname, '..', '..', '..', 'docs', 'examples', 'broker.yaml');

describeWith(['postgres'], 'leasehold ledger migrate', () => {
  let world: PostgresWorld;
  let folder: TempFolder;
  let config: string;
  let ownerPassword: string;
  const brokerPassword = 'hunter2-broker';
  beforeAll(async () => {
    world = await startPostgresWorld();
    folder = await createTempFolder({ name: 'migrate' });
    await world.server.query(`CREATE ROLE owner LOGIN PASSWORD 'hunter2-owner'`);
    await world.server.query(`CREATE ROLE thebroker LOGIN PASSWORD '${brokerPassword}'`);
    await world.server.query('CREATE DATABASE leasehold OWNER owner');
    await world.server.query('REVOKE ALL ON DATABASE leasehold FROM PUBLIC');
    await world.server.query('GRANT CONNECT ON DATABASE leasehold TO thebroker');
    ownerPassword = await world.passwordFile('hunter2-owner\n');
    const { host, port } = world.server.connection;
    const broker: unknown = parse(await readFile(example, 'utf8'));
    const postgres = {
      ...{ host, port, database: 'leasehold', user: 'thebroker', tls: { mode: 'disable' } },
      passwordFile: await world.passwordFile(brokerPassword),
    };
    config = join(folder.path, 'broker.yaml');
    await writeFile(config, stringify({ ...(broker as object), ledger: { postgres } }));
  });
  afterAll(async () => {
    await folder.remove();
    await world[Symbol.asyncDispose]();
  });

  const migrate = (...flags: readonly string[]) =>
    runLeasehold(['ledger', 'migrate', '--config', config, ...flags]);
  const asOwner = () => ['--owner', 'owner', '--password-file', ownerPassword];
  const asBroker = async () =>
    world.config({
      database: 'leasehold',
      schema: 'leasehold',
      user: 'thebroker',
      passwordFile: await world.passwordFile(brokerPassword),
    });

  it("is wrong use with a password that is nobody's", async () => {
    const ran = await migrate('--password-file', ownerPassword);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
  });

  it('refuses a ledger in SQLite', async () => {
    const ran = await runLeasehold(['ledger', 'migrate', '--config', example]);
    expect([ran.status, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain('ledger.postgres: is not set');
  });

  it('refuses a role that may not, and shows no password', async () => {
    const ran = await migrate();
    expect([ran.status, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain('its owner has to migrate it');
    expect(ran.stderr).not.toContain('hunter2');
  });

  it('makes the schema as its owner, for a broker that may not change it', async () => {
    const dry = await migrate(...asOwner(), '--dry-run', '-o', 'json');
    expect(JSON.parse(dry.stdout)).toEqual({
      from: 0,
      to: migrations.length,
      grantedTo: 'thebroker',
      dryRun: true,
    });
    await expect(world.open(await asBroker())).rejects.toMatchObject({ code: 'ledger_unusable' });
    for (const from of [0, migrations.length]) {
      const ran = await migrate(...asOwner(), '-o', 'json');
      expect([ran.status, ran.stderr]).toEqual([0, '']);
      expect(JSON.parse(ran.stdout)).toMatchObject({ from, to: migrations.length, dryRun: false });
    }
  });

  it('leaves the broker with all that it needs and nothing else', async () => {
    await using ledger = await world.open(await asBroker());
    const { session, leaseSet } = await anActiveSession(ledger);
    const next = aLeaseSet();
    await ledger.beginLeaseSet({ session, leaseSet: next, at: start });
    await rotateTo(ledger, session, next.id);
    const end = { reason: 'admin', note: '', by: 'x' } as const;
    await ledger.beginRevoke({ session, end, tombstone: true, at: start });
    for (const id of [leaseSet, next.id]) {
      await settleAll(ledger, id);
      await ledger.finishLeaseSet({ leaseSet: id, at: start });
    }
    expect((await ledger.findSession(session))?.state).toBe('ended');
    expect(await ledger.prune({ endedBefore: start + 1, limit: 5 })).toBe(1);
    await ledger.writeMeta('a', 'b');
    const { host, port } = world.server.connection;
    const client = new Client({
      ...{ host, port, database: 'leasehold', user: 'thebroker', password: brokerPassword },
    });
    await client.connect();
    try {
      for (const forbidden of [
        'CREATE TABLE leasehold.mine (a int)',
        'CREATE SCHEMA mine',
        'CREATE TEMPORARY TABLE mine (a int)',
        'ALTER TABLE leasehold.session ADD COLUMN mine int',
        'TRUNCATE leasehold.session',
        'DROP TABLE leasehold.meta',
        'UPDATE leasehold.schema_version SET version = 0',
      ])
        await expect(client.query(forbidden), forbidden).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.end();
    }
    const ran = await migrate('--dry-run', '-o', 'json');
    expect(JSON.parse(ran.stdout)).toMatchObject({ from: migrations.length, grantedTo: null });
  });
});
