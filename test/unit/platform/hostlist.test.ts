import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandHostlist, hostlistLimits } from '../../../src/platform/hostlist.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const refused = (text: string) => {
  expect(() => expandHostlist(text)).toThrow(expect.objectContaining({ code: 'request_invalid' }));
};

describe('expandHostlist', () => {
  it.for([
    '',
    ',',
    'n1,',
    'n[1-2',
    'n1]',
    'n[[1]]',
    'n[]',
    'n[1,]',
    'n[2-1]',
    'n[a-b]',
    'n[-1]',
    'n 1',
    'n1\nn2',
    '../n1',
    'n\0',
    'n*',
    `n${'x'.repeat(255)}`,
    'n[1-65537]',
    'n[1-999999999]',
    'n[1-300]x[1-300]',
    'n[0-9][0-9][0-9][0-9][0-9]',
    'n[1-10000000000]',
  ])('refuses %j', refused);

  it('takes as many nodes as an assertion may name, and no more', () => {
    expect(expandHostlist(`n[1-${hostlistLimits.mostNodes}]`)).toHaveLength(hostlistLimits.mostNodes);
    refused(`n[1-${hostlistLimits.mostNodes}],m1`);
  });

  it.for([
    ['n1', ['n1']],
    ['n[1-3,07],login', ['n1', 'n2', 'n3', 'n07', 'login']],
    ['n[08-11]', ['n08', 'n09', 'n10', 'n11']],
    ['r[1-2]n[0-1]-ib', ['r1n0-ib', 'r1n1-ib', 'r2n0-ib', 'r2n1-ib']],
    ['n1,n[1-2]', ['n1', 'n2']],
  ] as const)('expands %s', ([text, names]) => {
    expect(expandHostlist(text)).toEqual(names);
  });

  it('refuses or gives proper names, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('n', '0', '1', '2', '3', '[', ']', '-', ',', '.', 'x', ' ', '\n'),
          maxLength: 40,
        }),
        (text) => {
          try {
            const names = expandHostlist(text);
            expect(names.every((name) => /^[A-Za-z0-9._-]{1,255}$/.test(name))).toBe(true);
            expect(new Set(names).size).toBe(names.length);
          } catch (error) {
            expect(error).toMatchObject({ code: 'request_invalid' });
          }
        },
      ),
    );
  });

  it.skipIf(!existsSync('/usr/bin/scontrol'))('says what scontrol show hostnames says', async () => {
    await using folder = await createTempFolder({ name: 'hostnames' });
    // It wants a configuration to read, and uses nothing of it.
    const conf = join(folder.path, 'slurm.conf');
    await writeFile(
      conf,
      'ClusterName=hpc\nSlurmctldHost=localhost\nNodeName=n1\nPartitionName=p Nodes=n1\n',
    );
    const part = fc
      .tuple(
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
      )
      .map(
        ([from, more, width]) => `${`${from}`.padStart(width, '0')}-${`${from + more}`.padStart(width, '0')}`,
      );
    const entry = fc
      .tuple(fc.constantFrom('n', 'gpu-', 'a1x'), fc.array(part, { minLength: 1, maxLength: 3 }))
      .map(([name, parts]) => `${name}[${parts.join(',')}]`);
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 3 }), (entries) => {
        const text = entries.join(',');
        const real = execFileSync('/usr/bin/scontrol', ['show', 'hostnames', text], {
          encoding: 'utf8',
          env: { SLURM_CONF: conf },
        });
        expect(expandHostlist(text)).toEqual([...new Set(real.trim().split('\n'))]);
      }),
      { numRuns: 25 },
    );
  });
});
