import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseBrokerConfig } from '../../../src/broker/config.ts';
import { brokenFiles } from '../../../src/broker/config-files.ts';
import { describeLedger } from '../../../src/broker/config-ledger.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { leastBroker } from './broker-text.ts';

const sqlite = 'ledger: { sqlite: { file: ledger.sqlite } }';

const parse = (ledger: string, folder = '/etc/leasehold') => {
  if (!leastBroker.includes(sqlite)) throw new Error('the least broker.yaml has another ledger');
  return parseBrokerConfig(leastBroker.replace(sqlite, `ledger: ${ledger}`), folder);
};

const ledgerOf = (ledger: string, folder?: string) => {
  const outcome = parse(ledger, folder);
  if (!outcome.ok) throw new Error(outcome.problems.join('\n'));
  return outcome.value;
};

const least = 'host: db.example.org, database: leasehold, user: broker';

describe('the ledger of broker.yaml', () => {
  it.each([
    ['no store', '{}', 'ledger: must have exactly one of sqlite and postgres'],
    [
      'two stores',
      `{ sqlite: { file: l }, postgres: { ${least} } }`,
      'ledger: must have exactly one of sqlite and postgres',
    ],
    [
      'a connection string',
      '{ postgres: { url: "postgres://u:hunter2@h/d" } }',
      'ledger.postgres.url: unknown key',
    ],
    [
      'a password inline',
      `{ postgres: { ${least}, password: hunter2 } }`,
      'ledger.postgres.password: unknown key',
    ],
    ['no host', '{ postgres: { database: d, user: u } }', 'ledger.postgres.host: is required'],
    ['port 0', `{ postgres: { ${least}, port: 0 } }`, 'ledger.postgres.port: must be at least 1'],
    [
      'a schema that would need quotes',
      `{ postgres: { ${least}, schema: 'a"; DROP' } }`,
      'ledger.postgres.schema: must be 1 to 63 of a-z, 0-9 and _',
    ],
    [
      'a schema of the system',
      `{ postgres: { ${least}, schema: pg_catalog } }`,
      'ledger.postgres.schema: must be',
    ],
    [
      'a weaker TLS mode',
      `{ postgres: { ${least}, tls: { mode: require } } }`,
      'tls.mode: must be verify-full or disable',
    ],
    [
      'no TLS to another machine',
      `{ postgres: { ${least}, tls: { mode: disable } } }`,
      'tls.mode: must be verify-full',
    ],
    [
      'no TLS to a name that may lead elsewhere',
      '{ postgres: { host: localhost, database: d, user: u, tls: { mode: disable } } }',
      'tls.mode: must be verify-full',
    ],
    [
      'no TLS to a name that begins like a loopback address',
      '{ postgres: { host: 127.0.0.1.example.org, database: d, user: u, tls: { mode: disable } } }',
      'tls.mode: must be verify-full',
    ],
    [
      'TLS on a Unix socket',
      '{ postgres: { host: /run/postgresql, database: d, user: u } }',
      'tls.mode: must be disable for a Unix socket',
    ],
    [
      'an authority without TLS',
      '{ postgres: { host: 127.0.0.1, database: d, user: u, tls: { mode: disable, ca: ca.pem } } }',
      'ledger.postgres.tls: must have nothing beside mode: disable',
    ],
    [
      'one connection alone',
      `{ postgres: { ${least}, pool: { size: 1 } } }`,
      'pool.size: must be at least 2',
    ],
    [
      'a lock that outlasts its statement',
      `{ postgres: { ${least}, pool: { statementTimeoutMs: 1000, lockTimeoutMs: 1001 } } }`,
      'pool.lockTimeoutMs: must be at most statementTimeoutMs',
    ],
  ])('refuses %s', (_, ledger, expected) => {
    const outcome = parse(ledger);
    const problems = outcome.ok ? '' : outcome.problems.join('\n');
    expect(problems).toContain(expected);
    expect(problems).not.toContain('hunter2');
  });

  it('fills in the defaults', () => {
    expect(ledgerOf(`{ postgres: { ${least}, passwordFile: pw, tls: { ca: ca.pem } } }`).ledger).toEqual({
      postgres: {
        host: 'db.example.org',
        port: 5432,
        database: 'leasehold',
        user: 'broker',
        passwordFile: '/etc/leasehold/pw',
        tls: { mode: 'verify-full', ca: '/etc/leasehold/ca.pem' },
        schema: 'leasehold',
        pool: {
          size: 10,
          connectTimeoutMs: 5_000,
          waitMs: 15_000,
          statementTimeoutMs: 10_000,
          lockTimeoutMs: 5_000,
        },
      },
    });
  });

  it.each(['127.0.0.1', '127.8.9.10', '"::1"', '/run/postgresql'])('allows no TLS to %s', (host) => {
    expect(parse(`{ postgres: { host: ${host}, database: d, user: u, tls: { mode: disable } } }`).ok).toBe(
      true,
    );
  });

  it('says in words where it is', () => {
    expect(describeLedger(ledgerOf(`{ postgres: { ${least} } }`).ledger)).toBe(
      'ledger: PostgreSQL at db.example.org port 5432, database leasehold, schema leasehold, TLS verify-full',
    );
  });

  it('wants an address for redirects where the nodes of a run may be at several brokers', () => {
    const slurm = `
nodes: { listen: "0.0.0.0:8445", tls: { certificate: a, key: b, clientCa: c } }
slurm: [{ name: hpc, audience: leasehold, keys: { file: jwks.json } }]
`;
    const outcome = (more: string, ledger: string) =>
      parseBrokerConfig(leastBroker.replace(sqlite, `ledger: ${ledger}`) + slurm + more, '/etc/leasehold');
    const postgres = `{ postgres: { ${least} } }`;
    expect(outcome('', postgres)).toMatchObject({
      ok: false,
      problems: [expect.stringContaining('replica.advertise.nodes: is needed for slurm on ledger.postgres')],
    });
    const advertised = 'replica: { advertise: { nodes: "b1.example.org:8445" } }';
    expect(outcome(advertised, postgres)).toMatchObject({ ok: true });
    expect(outcome('', '{ sqlite: { file: l } }')).toMatchObject({ ok: true });
  });

  it('looks at the files of PostgreSQL', async () => {
    await using folder = await createTempFolder({ name: 'config-ledger' });
    const config = ledgerOf(`{ postgres: { ${least}, passwordFile: pw, tls: { ca: ca.pem } } }`, folder.path);
    const lines = async () => (await brokenFiles(config)).filter((line) => line.startsWith('ledger'));
    await writeFile(join(folder.path, 'pw'), 'hunter2', { mode: 0o604 });
    await writeFile(join(folder.path, 'ca.pem'), 'a', { mode: 0o644 });
    expect(await lines()).toEqual([
      'ledger.postgres.passwordFile: must be closed to others (no permission bit of 0007)',
    ]);
    await chmod(join(folder.path, 'pw'), 0o600);
    expect(await lines()).toEqual([]);
    await rm(join(folder.path, 'ca.pem'));
    expect(await lines()).toEqual(['ledger.postgres.tls.ca: the file cannot be read (ENOENT)']);
  });
});
