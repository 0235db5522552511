import { createServer } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTempFolder } from '../support/temp-folder.ts';
import type { TempFolder } from '../support/temp-folder.ts';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';

const examples = join(import.meta.dirname, '..', '..', 'docs', 'examples');
let folder: TempFolder;

beforeAll(async () => {
  folder = await createTempFolder({ name: 'cli-setup' });
});

afterAll(async () => {
  await folder.remove();
});

/** The example configuration with another backend address. */
async function configFor(address: string): Promise<string> {
  const broker = await readFile(join(examples, 'broker.yaml'), 'utf8');
  const file = join(folder.path, 'broker.yaml');
  await writeFile(join(folder.path, 'policy.yaml'), await readFile(join(examples, 'policy.yaml')));
  await writeFile(
    file,
    broker.replace(/^( {4}address: ).*$/m, `$1${address}`).replace(/^ {4}ca: tls\/vault.*\n/m, ''),
  );
  return file;
}

describe('leasehold setup print', () => {
  it('names every problem of the configuration, and is wrong use', async () => {
    const file = join(folder.path, 'bad.yaml');
    await writeFile(file, 'trustDomain: Example\nsurprise: 1\n');
    const ran = await runHere(['setup', 'print', '--config', file]);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain(`leasehold: ${file} is not valid\n`);
    expect(ran.stderr).toContain('leasehold: trustDomain: must be a SPIFFE trust domain');
  });

  it('prints commands for people and the same as data', async () => {
    const config = join(examples, 'broker.yaml');
    const text = await runLeasehold(['setup', 'print', '--config', config]);
    expect([text.status, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toContain("vault policy write leasehold-broker - <<'EOF'\n");
    const json = await runHere(['setup', 'print', '--config', config, '-o', 'json']);
    const { brokerPolicy } = JSON.parse(json.stdout) as { brokerPolicy: { name: string; hcl: string } };
    expect(brokerPolicy.name).toBe('leasehold-broker');
    expect(text.stdout).toContain(brokerPolicy.hcl);
  });
});

describe('leasehold setup check', () => {
  it('says where it wants the token, and never takes it on the command line', async () => {
    const ran = await runHere(['setup', 'check', '--config', join(examples, 'broker.yaml')]);
    expect([ran.status, ran.stderr]).toEqual([
      2,
      'leasehold: --token-file is missing\nleasehold: add --token-file FILE\n',
    ]);
  });

  it('ends with 1 and lists what is missing at a backend that has nothing', async () => {
    const token = join(folder.path, 'token');
    await writeFile(token, 'operator-token\n', { mode: 0o600 });
    const empty = createServer((request, response) => {
      const isSeen = request.headers['x-vault-token'] === 'operator-token';
      const body = request.url === '/v1/sys/mounts' ? { data: {} } : { errors: [] };
      response.writeHead(isSeen ? ('data' in body ? 200 : 404) : 403, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => empty.listen(0, '127.0.0.1', resolve));
    try {
      const address = empty.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      const line = [
        'setup',
        'check',
        '--config',
        await configFor(`http://127.0.0.1:${port}`),
        '--token-file',
        token,
      ];
      const ran = await runHere([...line, '-o', 'json']);
      expect(ran.status).toBe(1);
      expect(ran.stderr).toMatch(/^[0-9]+ errors, [0-9]+ warnings?\n$/);
      const { ok, findings } = JSON.parse(ran.stdout) as { ok: boolean; findings: unknown[] };
      expect(ok).toBe(false);
      expect(findings).toContainEqual({
        severity: 'error',
        subject: 'policy leasehold-broker',
        problem: 'does not exist',
      });
      expect(ran.stdout + ran.stderr).not.toContain('operator-token');
    } finally {
      empty.close();
    }
  });
});
