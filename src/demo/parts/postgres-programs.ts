import { readFileSync, readdirSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath } from './find-program.ts';
import type { FolderOwner } from './temp-folder.ts';

/** The two programs that make and run a database, of one version. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

const DEBIAN_FOLDER = '/usr/lib/postgresql';

const inFolder = (folder: string): PostgresPrograms | undefined => {
  const programs = { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
  return existsSync(programs.initdb) && existsSync(programs.postgres) ? programs : undefined;
};

/** From PATH, else the newest Debian package (which keeps them off PATH); or the reason why there is none. */
export const findPostgres = (): PostgresPrograms | { readonly missing: string } => {
  const initdb = findOnPath('initdb', process.env);
  const postgres = findOnPath('postgres', process.env);
  if (initdb !== undefined && postgres !== undefined) return { initdb, postgres };
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : [];
  const newest = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => inFolder(join(DEBIAN_FOLDER, version, 'bin')))
    .find((programs) => programs !== undefined);
  return (
    newest ?? { missing: 'PostgreSQL (initdb and postgres) is not installed; Debian package: postgresql' }
  );
};

/** PostgreSQL refuses to run as root: root runs it as `nobody`, anybody else as himself. */
export const postgresUser = (): FolderOwner | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'nobody');
  if (entry === undefined) throw new Error('no user "nobody" to run PostgreSQL as');
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
};
