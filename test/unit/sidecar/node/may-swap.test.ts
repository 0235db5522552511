import { expect, it } from 'vitest';
import { maySwapIn } from '../../../../sidecar/node/may-swap.ts';

const line = (device: string, type: string, options: string) =>
  `36 35 ${device} / /run/leasehold rw,nosuid shared:1 master:2 - ${type} leasehold ${options}`;
/** As stat(2) has it. */
const numberOf = (major: number, minor: number) => (minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12);

it.each([
  ['0:46', 'tmpfs', 'rw,size=16384k,mode=711,inode64,noswap', false],
  ['0:46', 'tmpfs', 'rw,noswap,size=16384k', false],
  ['0:46', 'tmpfs', 'rw,size=16384k,mode=711', true],
  ['0:46', 'tmpfs', 'rw,noswapped', true],
  ['0:46', 'ramfs', 'rw', false],
  ['0:47', 'tmpfs', 'rw,noswap', true],
  ['0:302', 'tmpfs', 'rw,noswap', true],
] as const)('tells of device 0:46 by a mount %s of type %s with %s: %s', (device, type, options, may) => {
  expect(maySwapIn(`22 1 8:1 / / rw - ext4 /dev/sda1 rw\n${line(device, type, options)}\n`, 46)).toBe(may);
});

it('knows a device by more than its last byte', () => {
  const mounts = [
    line('0:46', 'tmpfs', 'rw'),
    line('0:302', 'tmpfs', 'rw,noswap'),
    line('1:46', 'ramfs', 'rw'),
  ];
  const may = [46, 302, 258].map((minor) => maySwapIn(mounts.join('\n'), numberOf(0, minor)));
  expect([...may, maySwapIn(mounts.join('\n'), numberOf(1, 46))]).toEqual([true, false, true, false]);
});

it('takes what is not there for one that may be swapped', () => {
  expect(maySwapIn('', 46)).toBe(true);
});
