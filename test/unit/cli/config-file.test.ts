import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configFilePath, parseConfig } from '../../../src/cli/config-file.ts';
import { WrongUse } from '../../../src/cli/wrong-use.ts';

const path = '/home/a/.config/leasehold/cli.yaml';

describe('parseConfig', () => {
  it.each([
    ['an unknown key', 'brokr: x', 'brokr: '],
    ['a number', 'broker: 5', 'broker: '],
    ['an empty value', 'broker: ""', 'broker: must not be empty'],
    ['a list', '- broker', 'must'],
    ['a key twice', 'broker: a:1\nbroker: b:1', 'stands twice'],
    ['an alias', 'ca: &a x\ncert: *a', 'not accepted'],
  ])('refuses %s, naming the file and the rule', async (_what, text, said) => {
    const refused = await parseConfig(text, path).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(WrongUse);
    expect(String(refused)).toContain(path);
    expect(String(refused)).toContain(said);
  });

  it('refuses with WrongUse or reads, whatever the text', async () => {
    const text = fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        const outcome = await parseConfig(given, path).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(WrongUse);
      }),
    );
  });

  it('starts relative paths at the folder of the file, and leaves names alone', async () => {
    const text = 'broker: b:1\nca: ca.pem\nkey: /k.pem\nserverName: n';
    expect(await parseConfig(text, path)).toEqual({
      broker: 'b:1',
      ca: '/home/a/.config/leasehold/ca.pem',
      key: '/k.pem',
      serverName: 'n',
    });
  });

  it('finds nothing in a file of comments', async () => {
    expect(await parseConfig('# nothing yet\n', path)).toEqual({});
  });
});

describe('configFilePath', () => {
  it('follows XDG_CONFIG_HOME only where it is absolute', () => {
    const homeFolder = '/home/a';
    expect(configFilePath({ env: { XDG_CONFIG_HOME: '/etc/x' }, homeFolder })).toBe(
      '/etc/x/leasehold/cli.yaml',
    );
    expect(configFilePath({ env: { XDG_CONFIG_HOME: 'x' }, homeFolder })).toBe(path);
    expect(configFilePath({ env: {}, homeFolder })).toBe(path);
  });
});
