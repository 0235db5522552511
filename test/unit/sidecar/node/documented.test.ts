import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseNodeAgentConfig } from '../../../../sidecar/node/config.ts';

const read = (name: string) => readFile(join(import.meta.dirname, '../../../..', name), 'utf8');

const least = { broker: { address: 'a:1', ca: '/ca' }, certificate: '/c', key: '/k' };

function keysOf(value: object, path = ''): readonly string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? keysOf(inner, `${path}${key}.`)
      : [`${path}${key}`],
  );
}

it('documents every key with its default, and no other', async () => {
  const rows = [
    ...(await read('docs/node-agent.md')).matchAll(/^\| `([a-z][A-Za-z.]*)` +\|[^|]*\| ([^|]*)\|/gm),
  ];
  const documented = new Map(rows.map(([, key = '', fallback = '']) => [key, fallback.trim()]));
  const enrolment = { address: 'a:1', tokenFile: '/t' };
  const config = parseNodeAgentConfig(JSON.stringify({ ...least, enrolment }));
  expect([...documented.keys()].sort()).toEqual([...keysOf(config)].sort());
  const flat = new Map(
    Object.entries({ ...config.files }).map(([key, value]) => [`files.${key}`, value] as const),
  );
  for (const [key, value] of [...flat, ['prolog.seconds', config.prolog.seconds] as const])
    expect(documented.get(key)).toBe(`\`${value}\``);
});

it('ships units that start what there is, with its files where the configuration says', async () => {
  const unit = await read('packaging/systemd/leasehold-node-agent.service');
  const { files, socket } = parseNodeAgentConfig(JSON.stringify(least));
  expect(unit).toContain('ExecStart=/usr/bin/leasehold node-agent --config /etc/leasehold/node-agent.yaml');
  expect(unit).toContain(`ReadWritePaths=${files.root}\n`);
  expect(socket.startsWith(`${files.root}/`)).toBe(true);
  const mounts: readonly [string, string, readonly string[]][] = [
    ['run-leasehold', files.root, ['mode=0711', 'size=16m']],
    ['run-leasehold-own-runs', `${files.root}/own/runs`, ['mode=0711', `size=${files.sizeMiB}m`]],
    ['run-leasehold-runs', `${files.root}/runs`, ['bind', 'ro']],
  ];
  for (const [name, where, options] of mounts) {
    const mount = await read(`packaging/systemd/${name}.mount`);
    expect(unit).toMatch(new RegExp(`^Requires=.*\\b${name}\\.mount`, 'm'));
    expect(mount).toContain(`Where=${where}\n`);
    const found = /^Options=(.*)$/m.exec(mount)?.[1]?.split(',');
    expect(found).toEqual(expect.arrayContaining([...options, 'nosuid', 'nodev', 'noexec']));
  }
});
