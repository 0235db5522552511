import { once } from 'node:events';
import { chown, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { migrations } from '../../../src/ledger/postgres/schema.ts';
import type { PostgresConfig, PostgresTls } from '../../../src/ledger/postgres/postgres-config.ts';
import { openPostgresLedger } from '../../../src/ledger/postgres/postgres-ledger.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { aStaticSession, start } from '../../contract/ledger/ledger-world.ts';
import { createTestCa } from '../../support/certificates.ts';
import { freePort } from '../../support/free-port.ts';
import { postgresUser } from '../../support/parts/postgres-programs.ts';
import { describeWith } from '../../support/require.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { type PostgresWorld, startPostgresWorld } from './postgres-world.ts';

const password = 'hunter2-hunter2';

describeWith(['postgres'], 'a PostgreSQL that refuses', () => {
  let world: PostgresWorld;
  const opened: Ledger[] = [];
  beforeAll(async () => {
    world = await startPostgresWorld();
    await world.server.query(`CREATE ROLE plain LOGIN PASSWORD '${password}'`);
  });
  afterAll(() => world[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const ledger of opened.splice(0)) await ledger[Symbol.asyncDispose]();
  });

  const open = async (config: PostgresConfig) => {
    const ledger = await world.open(config);
    opened.push(ledger);
    return ledger;
  };
  const refused = async (promise: Promise<unknown>) => {
    const error: unknown = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof LeaseholdError)) throw new Error('was not refused');
    expect(`${error.message} ${error.detail ?? ''}`).not.toMatch(/hunter2|127\.0\.0\.1/);
    return { code: error.code, detail: error.detail };
  };
  const asPlain = async (overrides: Partial<PostgresConfig> = {}) =>
    world.config({ user: 'plain', passwordFile: await world.passwordFile(password), ...overrides });
  /** Ends the connections that a ledger has, so that it makes new ones. */
  const cutAll = () =>
    world.server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leasehold'`,
    );

  describe('to be opened', () => {
    it('says that the password is refused', async () => {
      const passwordFile = await world.passwordFile('wrong-hunter2');
      expect(await refused(open(world.config({ passwordFile })))).toEqual({
        code: 'ledger_unusable',
        detail:
          'connect: the server refused the log-in: check user, passwordFile and pg_hba.conf (SQLSTATE 28P01)',
      });
    });

    it('says that the password file is missing', async () => {
      expect(await refused(open(world.config({ passwordFile: '/nowhere/hunter' })))).toMatchObject({
        code: 'config_invalid',
      });
    });

    it('says that there is no such database', async () => {
      expect(await refused(open(world.config({ database: 'nowhere' })))).toMatchObject({
        code: 'ledger_unusable',
        detail: expect.stringContaining('no such database') as string,
      });
    });

    it('says that nothing listens there', async () => {
      expect(await refused(open(world.config({ port: await freePort() })))).toEqual({
        code: 'ledger_unavailable',
        detail: 'connect: nothing listens at that address',
      });
    });

    it('says that nobody answers, after the time for connecting', async () => {
      await using silent = await silentServer();
      const config = world.config({ port: silent.port });
      const pool = { ...config.pool, connectTimeoutMs: 200 };
      expect(await refused(open({ ...config, pool }))).toEqual({
        code: 'ledger_unavailable',
        detail: 'connect: the server did not answer in time',
      });
    });

    it('gives up at once when it is told to', async () => {
      await using silent = await silentServer();
      const stop = new AbortController();
      const opening = openPostgresLedger({
        config: world.config({ port: silent.port }),
        clock: systemClock,
        log: silentLog,
        random: Math.random,
        signal: stop.signal,
      });
      await silent.connected;
      stop.abort();
      expect(await refused(opening)).toMatchObject({ code: 'cancelled' });
    });

    it('says that the owner has to migrate, where the role may not', async () => {
      expect(await refused(open(await asPlain()))).toEqual({
        code: 'ledger_unusable',
        detail: `the schema is of version 0 and this broker needs ${migrations.length}: its owner has to migrate it (leasehold ledger migrate)`,
      });
    });

    it('does not make itself at home among the tables of another program', async () => {
      const config = world.config();
      await world.server.query(`CREATE SCHEMA "${config.schema}"`);
      await world.server.query(`CREATE TABLE "${config.schema}".session (mine int)`);
      expect(await refused(open(config))).toMatchObject({
        code: 'ledger_unusable',
        detail: expect.stringContaining("another program's tables") as string,
      });
    });
  });

  describe('a schema of another version', () => {
    const setVersion = (schema: string, version: number, minimumReader: number) =>
      world.server.query(`UPDATE "${schema}".schema_version SET version = $1, minimum_reader = $2`, [
        version,
        minimumReader,
      ]);

    it('is refused, and left as it is, when it is for newer brokers alone', async () => {
      const config = world.config();
      await open(config);
      await setVersion(config.schema, 99, 98);
      expect(await refused(world.open(config))).toMatchObject({
        code: 'ledger_unusable',
        detail: expect.stringContaining('version 99') as string,
      });
      expect(await world.server.query(`SELECT version FROM "${config.schema}".schema_version`)).toEqual([
        { version: 99 },
      ]);
    });

    it('ends the work of a broker that runs already, with its next connection', async () => {
      const config = world.config();
      const ledger = await open(config);
      await ledger.writeMeta('a', 'before');
      await setVersion(config.schema, 99, 98);
      await cutAll();
      expect(await refused(ledger.writeMeta('a', 'after'))).toMatchObject({ code: 'ledger_unusable' });
      expect(await world.server.query(`SELECT value FROM "${config.schema}".meta`)).toEqual([
        { value: 'before' },
      ]);
    });

    it('is used when it was only added to, also by a broker that runs already', async () => {
      const config = world.config();
      const running = await open(config);
      for (const bundle of ['a', 'b', 'c']) await running.beginSession(aStaticSession({ bundle }));
      expect(await running.listSessions({ limit: 9 })).toHaveLength(3);
      await setVersion(config.schema, 99, 1);
      await world.server.query(`ALTER TABLE "${config.schema}".session ADD COLUMN later text`);
      expect((await running.beginSession(aStaticSession({ bundle: 'd' }))).outcome).toBe('created');
      expect(await running.listSessions({ limit: 9 })).toHaveLength(4);
      const ledger = await open(config);
      expect((await ledger.beginSession(aStaticSession())).outcome).toBe('created');
      expect(await world.server.query(`SELECT version FROM "${config.schema}".schema_version`)).toEqual([
        { version: 99 },
      ]);
    });

    it('is made once by brokers that start together', async () => {
      const config = world.config();
      const ledgers = await Promise.all(Array.from({ length: 8 }, () => open(config)));
      const begun = await Promise.all(ledgers.map((ledger) => ledger.beginSession(aStaticSession())));
      expect(begun.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    });
  });

  describe('to change anything', () => {
    /** A ledger whose role may do the given things with the tables of somebody else. */
    const served = async (rights: string) => {
      const config = world.config();
      await open(config);
      await world.server.query(`GRANT USAGE ON SCHEMA "${config.schema}" TO plain`);
      await world.server.query(`GRANT ${rights} ON ALL TABLES IN SCHEMA "${config.schema}" TO plain`);
      await world.server.query(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA "${config.schema}" TO plain`);
      return open(await asPlain({ schema: config.schema }));
    };

    it('says that the database is read-only', async () => {
      const ledger = await served('SELECT, INSERT, UPDATE, DELETE');
      await world.server.query('ALTER ROLE plain SET default_transaction_read_only = on');
      try {
        await cutAll();
        expect(await refused(ledger.beginSession(aStaticSession()))).toMatchObject({
          code: 'ledger_unavailable',
          detail: expect.stringContaining('the database is read-only') as string,
        });
        expect(await ledger.count()).toMatchObject({ work: 0 });
      } finally {
        await world.server.query('ALTER ROLE plain RESET ALL');
      }
      await cutAll();
      expect((await ledger.beginSession(aStaticSession())).outcome).toBe('created');
    });

    it('says that the password has changed, or its file has gone, and goes on with the right one', async () => {
      const passwordFile = await world.passwordFile(password);
      const config = world.config();
      await open(config);
      await world.server.query(`GRANT USAGE ON SCHEMA "${config.schema}" TO plain`);
      await world.server.query(`GRANT SELECT ON ALL TABLES IN SCHEMA "${config.schema}" TO plain`);
      const asRole = await open({ ...config, user: 'plain', passwordFile });
      await asRole.count();
      await rm(passwordFile);
      await cutAll();
      expect(await refused(asRole.count())).toMatchObject({ code: 'ledger_unusable' });
      await writeFile(passwordFile, 'wrong-hunter2', { mode: 0o600 });
      expect(await refused(asRole.count())).toMatchObject({
        code: 'ledger_unusable',
        detail: expect.stringContaining('the server refused the log-in') as string,
      });
      await writeFile(passwordFile, password, { mode: 0o600 });
      expect(await asRole.count()).toMatchObject({ work: 0 });
    });

    it('says that a text cannot be stored', async () => {
      const ledger = await open(world.config());
      const { session } = await ledger.beginSession(aStaticSession());
      const end = { reason: 'admin', note: 'a\0b', by: 'x' } as const;
      const revoke = () => ledger.beginRevoke({ session: session.id, end, tombstone: true, at: start });
      expect(await refused(revoke())).toMatchObject({ code: 'request_invalid' });
      const lock = { id: 'loc_1', selector: { pod: 'a\0b' }, reason: 'x', by: 'x', createdAt: start };
      expect(await refused(ledger.addLock(lock))).toMatchObject({ code: 'request_invalid' });
      expect((await ledger.findSession(session.id))?.state).toBe('active');
    });

    it('says that a right is missing', async () => {
      const ledger = await served('SELECT');
      expect(await ledger.listLocks()).toEqual([]);
      expect(await refused(ledger.beginSession(aStaticSession()))).toMatchObject({
        code: 'ledger_unusable',
        detail: expect.stringContaining('the role lacks a right') as string,
      });
    });

    it('says that no connection is left, and goes on when there is one', async () => {
      const ledger = await served('SELECT, INSERT, UPDATE, DELETE');
      await world.server.query('ALTER ROLE plain CONNECTION LIMIT 0');
      try {
        await cutAll();
        expect(await refused(ledger.count())).toMatchObject({
          code: 'ledger_unavailable',
          detail: expect.stringContaining('no connection left') as string,
        });
      } finally {
        await world.server.query('ALTER ROLE plain CONNECTION LIMIT -1');
      }
      expect(await ledger.count()).toMatchObject({ work: 0 });
    });

    describe('while another transaction holds the session', () => {
      /** `wiped` waits for the lock, until it is let go. */
      const whileHeld = async (
        pool: Partial<PostgresConfig['pool']>,
        work: (wiped: () => Promise<void>, letGo: () => Promise<unknown>) => Promise<void>,
      ) => {
        const config = world.config();
        const ledger = await open({ ...config, pool: { ...config.pool, ...pool } });
        const { session } = await ledger.beginSession(aStaticSession());
        const holder = new Client({ ...world.server.connection });
        await holder.connect();
        try {
          await holder.query('BEGIN');
          await holder.query(`SELECT 1 FROM "${config.schema}".session FOR UPDATE`);
          const wiped = () => ledger.recordWiped({ session: session.id, holder: 'pod', at: start });
          await work(wiped, () => holder.query('ROLLBACK'));
        } finally {
          await holder.end();
        }
      };

      it('says that somebody holds a lock', () =>
        whileHeld({ lockTimeoutMs: 300 }, async (wiped, letGo) => {
          expect(await refused(wiped())).toEqual({
            code: 'ledger_unavailable',
            detail: expect.stringContaining('another transaction held a lock for too long') as string,
          });
          await letGo();
          await wiped();
        }));

      it('says that no connection was free', () =>
        // As long as a connection may take to be made, too.
        whileHeld({ size: 1, waitMs: 5_000 }, async (wiped, letGo) => {
          const waits = wiped();
          expect(await refused(wiped())).toEqual({
            code: 'ledger_unavailable',
            detail: 'record wiped: no connection was free in time',
          });
          await letGo();
          await waits;
          await wiped();
        }));
    });
  });

  describe('TLS', () => {
    const authority = createTestCa();
    let ca: string;
    let folder: Awaited<ReturnType<typeof createTempFolder>>;
    beforeAll(async () => {
      const owner = postgresUser();
      folder = await createTempFolder({ name: 'postgres-tls', ...(owner === undefined ? {} : { owner }) });
      const { certificate, key } = authority.issueServer({ names: ['ledger.example', '127.0.0.1'] });
      const write = async (name: string, text: string) => {
        const file = join(folder.path, name);
        await writeFile(file, text, { mode: 0o600 });
        if (owner !== undefined) await chown(file, owner.uid, owner.gid);
        return file;
      };
      ca = await write('ca.pem', authority.certificate);
      await world.server.query(
        `ALTER SYSTEM SET ssl_cert_file = '${await write('server.pem', certificate)}'`,
      );
      await world.server.query(`ALTER SYSTEM SET ssl_key_file = '${await write('server-key.pem', key)}'`);
    });
    afterAll(() => folder.remove());
    const setTls = async (on: boolean) => {
      await world.server.query(`ALTER SYSTEM SET ssl = ${on ? 'on' : 'off'}`);
      await world.server.restart();
    };
    const withTls = (tls: Omit<PostgresTls & { readonly mode: 'verify-full' }, 'mode'>) =>
      world.config({ tls: { mode: 'verify-full', ...tls } });

    it('is not given up where the server does not offer it', async () => {
      expect(await refused(open(withTls({ ca })))).toEqual({
        code: 'ledger_unavailable',
        detail: 'connect: the server does not offer TLS: enable it there',
      });
    });

    it('needs an authority that is trusted, and the right name', async () => {
      await setTls(true);
      expect(await refused(open(withTls({})))).toMatchObject({
        detail: expect.stringContaining('not of a trusted authority') as string,
      });
      expect(await refused(open(withTls({ ca, servername: 'other.example' })))).toMatchObject({
        detail: expect.stringContaining('has another name') as string,
      });
      for (const config of [withTls({ ca }), withTls({ ca, servername: 'ledger.example' })]) {
        const ledger = await open(config);
        expect(await ledger.count()).toMatchObject({ work: 0 });
        const rows = await world.server.query(
          `SELECT DISTINCT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
           WHERE application_name = 'leasehold'`,
        );
        expect(rows).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
      }
    });
  });
});

/** Accepts connections and says nothing. */
async function silentServer(): Promise<
  { readonly port: number; readonly connected: Promise<unknown> } & AsyncDisposable
> {
  const server = createServer();
  const connected = once(server, 'connection');
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)));
  server.listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    connected,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
