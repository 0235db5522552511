import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { manPages } from '../../scripts/man-pages.ts';
import { loadCommandTree } from '../../src/cli/command-tree.ts';

const tree = await loadCommandTree();
const pages = manPages(tree, '1.2.3');
const page = (name: string) => pages.get(name) ?? expect.unreachable(name);
const plain = (text: string) => text.replaceAll('\\-', '-');

it('has every command with every option', () => {
  const text = plain(page('leasehold.1'));
  for (const { name, options } of [...tree.commands, ...tree.parts]) {
    const [, section = ''] = text.split(`.SS leasehold ${name}\n`);
    expect(section, name).not.toBe('');
    const own = section.split('\n.SS ')[0] ?? '';
    for (const key of Object.keys(options))
      expect(own, `${name} ${key}`).toContain(
        `--${key.replaceAll(/[A-Z]/g, (one) => `-${one.toLowerCase()}`)}`,
      );
  }
});

it.for([
  ['broker', 'ledger.sqlite.file', 'trustDomain'],
  ['node-agent', 'prolog.seconds', 'files.root'],
  ['signer', 'outage.giveUp', 'socket.group'],
])('has a page of the %s and of its configuration', ([part = '', ...keys]) => {
  expect(plain(page(`leasehold-${part}.8`))).toContain('--config FILE');
  const text = plain(page(`leasehold-${part}.yaml.5`));
  for (const key of keys) expect(text).toContain(`.B "${key}"`);
});

const requests = new Set(['TH', 'SH', 'SS', 'PP', 'TP', 'B', 'I', 'nf', 'fi']);

it.for([...pages])('%s is well formed', ([name, text]) => {
  const lines = text.split('\n');
  expect(lines[0]).toMatch(/^\.TH "[A-Z.-]+" [158] "" "leasehold 1\.2\.3"$/);
  for (const line of lines.filter((one) => /^[.']/.test(one)))
    expect([name, line, requests.has(/^\.([A-Za-z]+)/.exec(line)?.[1] ?? '')]).toEqual([name, line, true]);
  expect(text.match(/^\.nf$/gm)?.length).toBe(text.match(/^\.fi$/gm)?.length);
  expect(text.replaceAll(/\\(e|-|&|\(dq)/g, '')).not.toContain('\\');
  if (!existsSync('/usr/bin/groff')) return;
  const { status, stdout, stderr } = spawnSync('/usr/bin/groff', ['-man', '-ww', '-z', '-Tutf8', '-Kutf8'], {
    input: text,
    encoding: 'utf8',
  });
  // Long words of tables, and nothing else.
  const said = stderr.split('\n').filter((line) => line !== '' && !/cannot (adjust|break) line/.test(line));
  expect([status, stdout, said]).toEqual([0, '', []]);
});
