import { connect } from 'node:net';

/** What is answered to a hook that says this, through the socket of a node agent or a signer. */
export function askHook(
  socket: string,
  verb: string,
  variables: Readonly<Record<string, string | number>>,
): Promise<string> {
  const said = Object.entries(variables).map(([name, value]) => `${name}=${value}\0`);
  return askRaw(socket, Buffer.from(`leasehold/1 ${verb}\n${said.join('')}\0`));
}

export function askRaw(socket: string, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = connect(socket, () => connection.write(bytes));
    connection.setEncoding('utf8').on('data', (text: string) => (answer += text));
    connection.on('error', reject).on('close', () => resolve(answer));
  });
}
