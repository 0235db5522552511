import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCa } from '../support/certificates.ts';
import { startFakeAdmin } from './fake-admin.ts';
import type { FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';

let broker: FakeAdmin;
const stranger = createTestCa();

beforeAll(async () => {
  broker = await startFakeAdmin();
  broker.script({ ListLocks: { answer: {} } });
  const client = stranger.issueClient({ commonName: 'stranger' });
  await writeFile(join(broker.folder, 'other-ca.pem'), stranger.certificate);
  await writeFile(join(broker.folder, 'other-cert.pem'), client.certificate);
  await writeFile(join(broker.folder, 'other-key.pem'), client.key);
});

afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

const inFolder = (name: string) => join(broker.folder, name);
const list = ['lock', 'list'];

describe('reaching the broker', () => {
  it('names every missing setting and the three places to give it, without loading anything else', async () => {
    const ran = await runLeasehold(list);
    expect(ran.status).toBe(2);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(
      /^leasehold: not known how to reach the broker: --broker, --ca, --cert, --key missing\n/,
    );
    expect(ran.stderr).toContain(
      'set LEASEHOLD_BROKER, LEASEHOLD_CA, LEASEHOLD_CERT, LEASEHOLD_KEY, or write them into ',
    );
    expect(ran.stderr).toContain('/.config/leasehold/cli.yaml\n');
  });

  it.each([
    [['--broker', 'nowhere'], '--broker: the port is missing or not between 1 and 65535'],
    [['--broker', 'a b:1'], '--broker: the host is neither a name'],
    [['--ca', '/no/such/file'], '--ca: /no/such/file: cannot be read (ENOENT)'],
    [['--key', '/'], '--key: /: is not a file'],
  ])('is wrong use with %j', async (flags, said) => {
    const ran = await runHere([...list, ...flags], broker);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain(said);
  });

  it('names the variable when what it points at is no certificate', async () => {
    await writeFile(inFolder('garbage.pem'), 'SECRET-LOOKING GARBAGE');
    const ran = await runHere(list, { env: { ...broker.env, LEASEHOLD_CERT: inFolder('garbage.pem') } });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('LEASEHOLD_CERT');
    expect(ran.stderr).not.toContain('GARBAGE');
  });

  it('does not talk to a broker whose certificate is from another authority', async () => {
    const ran = await runHere([...list, '--ca', inFolder('other-ca.pem')], broker);
    expect(ran).toEqual({
      status: 4,
      stdout: '',
      stderr:
        "leasehold: the broker cannot be reached: the broker's certificate is not from the given CA (broker_unavailable)\n",
    });
  });

  it('does not talk to a broker whose certificate carries another name', async () => {
    const ran = await runHere([...list, '--server-name', 'broker.example.org'], broker);
    expect(ran.status).toBe(4);
    expect(ran.stderr).toContain("the broker's certificate carries another name");
  });

  it('says that the client certificate may be what the broker does not accept', async () => {
    const flags = ['--cert', inFolder('other-cert.pem'), '--key', inFolder('other-key.pem')];
    const ran = await runHere([...list, ...flags], broker);
    expect(ran.status).toBe(4);
    expect(ran.stderr).toContain('the broker may not accept the client certificate');
  });

  it('tries a read again, and gives up with 4', async () => {
    const pauses: number[] = [];
    const ran = await runHere([...list, '--broker', '127.0.0.1:1'], {
      env: broker.env,
      clock: { sleep: async (ms) => void pauses.push(ms) },
    });
    expect(ran.status).toBe(4);
    expect(ran.stderr).toContain('nothing listens at that address');
    expect(pauses).toEqual([100, 200]);
  });

  it('takes a flag before the environment, and the environment before the file', async () => {
    const home = inFolder('config');
    await mkdir(join(home, 'leasehold'), { recursive: true });
    const cli = join(home, 'leasehold', 'cli.yaml');
    await writeFile(cli, 'broker: 127.0.0.1:1\nca: ../../ca.pem\ncert: ../../cert.pem\nkey: ../../key.pem\n');
    const file = { XDG_CONFIG_HOME: home };
    const { LEASEHOLD_BROKER = '' } = broker.env;
    expect((await runHere(list, { env: file })).status).toBe(4);
    expect((await runHere(list, { env: { ...file, LEASEHOLD_BROKER } })).status).toBe(0);
    const flagged = ['--broker', LEASEHOLD_BROKER];
    expect((await runHere([...list, ...flagged], { env: { ...file, LEASEHOLD_BROKER: 'x:1' } })).status).toBe(
      0,
    );
    await writeFile(cli, 'broker: a:1\nbrokr: b:1\n');
    const strict = await runHere(list, { env: file });
    expect(strict.status).toBe(2);
    expect(strict.stderr).toContain(`${cli}: brokr: `);
  });

  it('does not believe a proxy variable', async () => {
    const ran = await runHere(list, { env: { ...broker.env, https_proxy: 'http://127.0.0.1:1' } });
    expect(ran.status).toBe(0);
  });

  it('ends with 1 when the person interrupts', async () => {
    const ran = await runHere(list, { env: broker.env, signal: AbortSignal.abort() });
    expect(ran).toEqual({ status: 1, stdout: '', stderr: 'leasehold: interrupted\n' });
  });
});
