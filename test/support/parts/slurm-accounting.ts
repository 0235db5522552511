import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ClusterParts, slurmPath } from '../../../src/demo/slurm/cluster-parts.ts';
import { freePort } from '../free-port.ts';
import { missingMariadb, startMariadb } from './mariadb.ts';
import { waitUntilReady } from './wait-until-ready.ts';

const programs = { slurmdbd: '/usr/sbin/slurmdbd', sacctmgr: '/usr/bin/sacctmgr' } as const;

/** Why no cluster of this machine can enforce accounting; empty where one can. */
export const missingSlurmAccounting = (): readonly string[] => [
  ...Object.values(programs)
    .filter((path) => !existsSync(path))
    .map((path) => `there is no ${path}`),
  ...missingMariadb(),
];

export interface AccountingOptions {
  /** `AccountingStorageEnforce` of slurm.conf. */
  readonly enforce: string;
  /** What sacctmgr is told one after the other, once the cluster is there and before its controller is. */
  readonly registered: readonly string[];
}

export interface AccountingParts {
  /** Of slurm.conf. */
  readonly lines: readonly string[];
  /** Where munge already serves. The cluster and what is registered are known when this resolves. */
  readonly start: (cluster: {
    readonly name: string;
    readonly conf: string;
    readonly start: ClusterParts['start'];
  }) => Promise<AsyncDisposable>;
}

const commandLimitMs = 120_000;

/** A slurmdbd with a database of its own, in the folder of a cluster. Nothing runs yet. */
export async function layOutAccounting(
  folder: string,
  { enforce, registered }: AccountingOptions,
): Promise<AccountingParts> {
  const at = (name: string) => join(folder, name);
  const port = await freePort();
  const start: AccountingParts['start'] = async (cluster) => {
    await using building = new AsyncDisposableStack();
    const database = building.use(await startMariadb('slurm_acct_db'));
    const lines = [
      'AuthType=auth/munge',
      `AuthInfo=socket=${at('munge/socket')}`,
      `DbdHost=${hostname()}`,
      'DbdAddr=127.0.0.1',
      // Or it listens everywhere; its manual does not name this one.
      'CommunicationParameters=NoInAddrAny',
      `DbdPort=${port}`,
      'SlurmUser=root',
      'StorageType=accounting_storage/mysql',
      // By its socket, which the client library has from its environment.
      'StorageHost=localhost',
      `StorageLoc=${database.database}`,
      `StorageUser=${database.user}`,
      `StoragePass=${database.password}`,
      `LogFile=${at('log/slurmdbd.log')}`,
      `PidFile=${at('state/slurmdbd.pid')}`,
    ];
    // Where SLURM_CONF is, and slurmdbd reads no other.
    await writeFile(at('slurmdbd.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
    const socket = `MYSQL_UNIX_PORT=${database.socket}`;
    const daemon = building.use(
      await cluster.start('slurmdbd', '/usr/bin/env', socket, programs.slurmdbd, '-D'),
    );
    const tell = (...words: readonly string[]) =>
      promisify(execFile)(programs.sacctmgr, ['--immediate', ...words], {
        env: { PATH: slurmPath, SLURM_CONF: cluster.conf },
        timeout: commandLimitMs,
      });
    await waitUntilReady({
      process: daemon,
      ready: async () => (await tell('--noheader', 'list', 'cluster')).stdout.trim() === '',
    });
    await tell('add', 'cluster', cluster.name);
    for (const words of registered) await tell(...words.split(' '));
    return building.move();
  };
  return {
    lines: [
      'AccountingStorageType=accounting_storage/slurmdbd',
      'AccountingStorageHost=127.0.0.1',
      `AccountingStoragePort=${port}`,
      // Where munge serves: AuthInfo is for what the cluster's own parts say to each other.
      `AccountingStoragePass=${at('munge/socket')}`,
      `AccountingStorageEnforce=${enforce}`,
    ],
    start,
  };
}
