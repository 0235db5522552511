import { connect } from 'node:net';

/** The user of all jobs here. */
export const user = { uid: 20_001, gid: 20_001 };

/** What the static hook sends of a job, and the answer that it gets. */
export function askAsHook(
  socket: string,
  verb: 'register' | 'end' | 'prolog' | 'epilog',
  variables: Readonly<Record<string, string | number>>,
): Promise<string> {
  const all = {
    SLURM_CLUSTER_NAME: 'hpc',
    SLURM_JOB_UID: user.uid,
    SLURM_JOB_GID: user.gid,
    SLURM_JOB_USER: 'alice',
    ...variables,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}=${value}\0`);
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = connect(socket, () => connection.write(`leasehold/1 ${verb}\n${lines.join('')}\0`));
    connection.setEncoding('utf8').on('data', (text: string) => (answer += text));
    connection.on('error', reject).on('close', () => resolve(answer));
  });
}
