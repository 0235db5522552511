import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTempFolder } from '../temp-folder.ts';
import { startProcess } from './owned-process.ts';
import { postgresUser } from './postgres-programs.ts';
import { waitUntilReady } from './wait-until-ready.ts';

const programs = {
  server: '/usr/sbin/mariadbd',
  install: '/usr/bin/mariadb-install-db',
  /** Of the clients' package, and what makes a database does nothing without it. */
  defaults: '/usr/bin/my_print_defaults',
} as const;

/** Why none can be started on this machine; empty where one can. */
export const missingMariadb = (): readonly string[] =>
  Object.values(programs)
    .filter((path) => !existsSync(path))
    .map((path) => `there is no ${path}`);

/** A MariaDB on a socket alone, with one database and the one user that may use it. */
export interface TestMariadb extends AsyncDisposable {
  readonly socket: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

const installLimitMs = 120_000;
/** Of all that it keeps: a small one is made in less time. */
const small = ['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=32M'];

/** In a folder of its own, as the user that PostgreSQL runs as: it refuses to be root, too. */
export async function startMariadb(database: string): Promise<TestMariadb> {
  await using building = new AsyncDisposableStack();
  const runAs = postgresUser();
  const owner = runAs === undefined ? {} : { owner: runAs };
  const { path: folder } = building.use(await createTempFolder({ name: 'mariadb', ...owner }));
  const at = (name: string) => join(folder, name);
  const login = { user: 'accounting', password: randomUUID() };
  const statements = [
    // Before it a server that sets itself up knows of no users, and makes none.
    'FLUSH PRIVILEGES;',
    `CREATE DATABASE ${database};`,
    `CREATE USER ${login.user}@localhost IDENTIFIED BY '${login.password}';`,
    `GRANT ALL ON ${database}.* TO ${login.user}@localhost;`,
  ];
  await writeFile(at('users.sql'), `${statements.join('\n')}\n`, { mode: 0o600 });
  if (runAs !== undefined) await chown(at('users.sql'), runAs.uid, runAs.gid);
  // Whatever this machine has set for a server of its own is not for this one; and the folder for temporary files may be closed to that user.
  const own = ['--no-defaults', `--datadir=${at('data')}`, `--tmpdir=${folder}`];
  const accounts = ['--skip-test-db', '--skip-name-resolve', `--extra-file=${at('users.sql')}`];
  await promisify(execFile)(programs.install, [...own, ...accounts, ...small], {
    ...(runAs ?? {}),
    cwd: folder,
    timeout: installLimitMs,
  });
  const socket = at('socket');
  const server = building.use(
    await startProcess({
      name: 'mariadb',
      command: programs.server,
      args: [...own, ...small, '--skip-networking', `--socket=${socket}`, `--pid-file=${at('pid')}`].concat([
        // What slurmdbd asks for.
        '--innodb-lock-wait-timeout=900',
        '--innodb-flush-log-at-trx-commit=0',
      ]),
      cwd: folder,
      logFile: at('log'),
      stopGraceMs: 30_000,
      ...(runAs === undefined ? {} : { runAs }),
    }),
  );
  await waitUntilReady({
    process: server,
    ready: async () => server.lastOutput().includes('ready for connections'),
  });
  const owned = building.move();
  return { socket, database, ...login, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
