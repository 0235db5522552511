import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { parseSignerConfig } from '../../../src/slurm/config.ts';

const read = (name: string) => readFile(join(import.meta.dirname, '../../..', name), 'utf8');

const least = {
  cluster: 'c',
  audience: 'a',
  broker: { addresses: ['a:1'], ca: '/ca', certificate: '/c', key: '/k' },
  keys: ['/s'],
  state: '/s',
};
const optional = {
  broker: { ...least.broker, serverName: 'n' },
  socket: { group: 1 },
  slurm: { conf: '/conf' },
};

function leaves(value: object, path = ''): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? leaves(inner, `${path}${key}.`)
      : [[`${path}${key}`, inner] as const],
  );
}

function problemOf(text: string): string {
  try {
    parseSignerConfig(text);
  } catch (error) {
    return LeaseholdError.from(error).detail ?? '';
  }
  return '';
}

it('documents every key of signer.yaml with its default, and no other', async () => {
  const rows = [...(await read('docs/slurm.md')).matchAll(/^\| `([a-z][A-Za-z.]*)` +\| ([^|]*)\|/gm)];
  const documented = new Map(rows.map(([, key = '', fallback = '']) => [key, fallback.trim()]));
  const keys = leaves(parseSignerConfig(JSON.stringify({ ...least, ...optional }))).map(([key]) => key);
  expect([...documented.keys()].sort()).toEqual([...keys].sort());
  const given = new Set(leaves(least).map(([key]) => key));
  for (const [key, value] of leaves(parseSignerConfig(JSON.stringify(least)))) {
    const told = documented.get(key);
    if (given.has(key)) expect(told).toBe('required');
    else expect([`\`${String(value)}\``, `\`${String(value)}s\``]).toContain(told);
  }
});

it.for([
  [{ ...least, surprise: 'hunter2' }, 'surprise'],
  [{ ...least, broker: { ...least.broker, token: 'hunter2' } }, 'token'],
] as const)('names an unknown key, never its value', ([config, key]) => {
  const problem = problemOf(JSON.stringify(config));
  expect(problem).toContain(key);
  expect(problem).not.toContain('hunter2');
});

it('ships a unit that starts what there is, with its files where the configuration says', async () => {
  const unit = await read('packaging/systemd/leasehold-signer.service');
  const { socket } = parseSignerConfig(JSON.stringify(least));
  expect(unit).toContain('ExecStart=/usr/bin/leasehold signer --config /etc/leasehold/signer.yaml\n');
  expect(socket.path).toBe('/run/leasehold-signer/signer.sock');
  expect(unit).toContain('RuntimeDirectory=leasehold-signer\n');
  expect(unit).toContain('StateDirectory=leasehold-signer\n');
});
