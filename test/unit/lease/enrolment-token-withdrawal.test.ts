import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEnrolmentTokens, type EnrolmentTokens } from '../../../src/lease/runs/enrolment-tokens.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { recordingAudit } from '../rpc/server-world.ts';

const start = 1_800_000_000_000;
const audit = recordingAudit();
let now: number;
let ledger: Ledger;
let tokens: EnrolmentTokens;
let close: () => Promise<void>;

beforeEach(async () => {
  now = start;
  const folder = await createTempFolder({ name: 'enrolment-tokens' });
  ledger = await openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog });
  tokens = createEnrolmentTokens({ clusters: new Set(['hpc']), ledger, audit, now: () => now });
  await tokens.makeTokens({
    cluster: 'hpc',
    nodes: ['n1', 'n2', 'n3'],
    ttlSeconds: 600,
    by: 'admin:ada',
  });
  audit.records.length = 0;
  close = async () => {
    await ledger[Symbol.asyncDispose]();
    await folder.remove();
  };
});
afterEach(() => close());

/** With a token of its own. */
const spent = async (node: string, key: string) => {
  const token = `${node}-hash`;
  const one = { cluster: 'hpc', node, token, at: now };
  await ledger.addEnrolments([{ ...one, by: 'admin:bob', expiresAt: now + 60_000 }]);
  expect(await ledger.spendEnrolment({ ...one, key })).toBe('spent');
};
const withdraw = (of: Partial<Parameters<EnrolmentTokens['withdrawTokens']>[0]> = {}) =>
  tokens.withdrawTokens({ cluster: 'hpc', node: 'n1', reason: 'lost', by: 'admin:eve', ...of });
const list = (of: Partial<Parameters<EnrolmentTokens['listTokens']>[0]> = {}) =>
  tokens.listTokens({
    cluster: undefined,
    unused: false,
    pageSize: 100,
    after: undefined,
    by: 'admin:eve',
    ...of,
  });
const record = { actor: 'admin:eve', reason: 'lost', stranger: false } as const;

describe('withdrawing an enrolment token', () => {
  it.each([
    ['a cluster that is not configured', { cluster: 'east' }],
    ['all of a cluster that is not configured', { cluster: 'east', node: undefined }],
    ['a name that is none', { node: '../n1' }],
    ['a pattern', { node: 'n*' }],
  ])('is refused for %s', async (_what, wrong) => {
    await expect(withdraw(wrong)).rejects.toMatchObject({ code: 'request_invalid' });
    expect(audit.records).toEqual([]);
    expect(await list({ unused: true })).toHaveLength(3);
  });

  it('is refused, on record, for a node without one, for one that is spent and for one that has expired', async () => {
    await spent('n2', 'k2');
    for (const [node, code] of [
      ['n9', 'enrolment_unknown'],
      ['n2', 'enrolment_used'],
      ['n1', 'enrolment_expired'],
    ] as const) {
      if (code === 'enrolment_expired') now = start + 600_000;
      await expect(withdraw({ node })).rejects.toMatchObject({ code });
      expect(audit.records.splice(0)).toEqual([
        { action: 'enrol_token_withdraw', outcome: 'refused', code, node: `hpc/${node}`, ...record },
      ]);
    }
    expect((await list()).map(({ state }) => state)).toEqual(['expired', 'spent', 'expired']);
  });

  it('says so when the ledger cannot be written, and records nothing', async () => {
    const away = () => Promise.reject(new LeaseholdError('ledger_unavailable'));
    ledger = { ...ledger, withdrawEnrolment: away, withdrawEnrolmentsOf: away };
    tokens = createEnrolmentTokens({ clusters: new Set(['hpc']), ledger, audit, now: () => now });
    for (const node of ['n1', undefined])
      await expect(withdraw({ node })).rejects.toMatchObject({ code: 'ledger_unavailable' });
    expect(audit.records).toEqual([]);
  });

  it('goes on without its record, which is owed', async () => {
    const owed: string[] = [];
    const full = {
      ...audit,
      record: () => Promise.reject(new LeaseholdError('audit_unavailable')),
      recordAnyway: async ({ action }: { readonly action: string }) => {
        owed.push(action);
        return false;
      },
    };
    tokens = createEnrolmentTokens({ clusters: new Set(['hpc']), ledger, audit: full, now: () => now });
    expect(await withdraw()).toEqual(['n1']);
    expect(owed).toEqual(['enrol_token_withdraw']);
    await expect(list()).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect(await ledger.listEnrolments({ limit: 9 })).toHaveLength(2);
  });

  it('takes back that of one node, once', async () => {
    const made = await ledger.withdrawEnrolment({ cluster: 'hpc', node: 'n3', at: now });
    const token = made.outcome === 'withdrawn' ? made.token : '';
    await ledger.addEnrolments([
      { cluster: 'hpc', node: 'n3', token, by: 'admin:ada', at: now, expiresAt: now + 60_000 },
    ]);
    expect(await withdraw({ node: 'n3' })).toEqual(['n3']);
    expect(audit.records.splice(0)).toEqual([
      {
        action: 'enrol_token_withdraw',
        outcome: 'ok',
        node: 'hpc/n3',
        credentialId: token.slice(0, 16),
        ...record,
      },
    ]);
    await expect(withdraw({ node: 'n3' })).rejects.toMatchObject({ code: 'enrolment_unknown' });
  });

  it('takes back those of all nodes of a cluster that have not used theirs, each on record', async () => {
    await spent('n2', 'k2');
    const ok = { action: 'enrol_token_withdraw', outcome: 'ok', ...record };
    const all = { ...ok, selector: '{"cluster":"hpc"}' };
    expect(await withdraw({ node: undefined })).toEqual(['n1', 'n3']);
    expect(audit.records.splice(0)).toMatchObject([
      { ...all, count: 2 },
      { ...ok, node: 'hpc/n1' },
      { ...ok, node: 'hpc/n3' },
    ]);
    expect(await withdraw({ node: undefined })).toEqual([]);
    expect(audit.records.splice(0)).toEqual([{ ...all, count: 0 }]);
  });
});

describe('listing enrolment tokens', () => {
  it('tells the state of each, and who looked', async () => {
    await spent('n2', 'k2');
    now = start + 599_999;
    expect(await list()).toMatchObject([
      { cluster: 'hpc', node: 'n1', by: 'admin:ada', at: start, expiresAt: start + 600_000, state: 'unused' },
      { node: 'n2', by: 'admin:bob', state: 'spent', key: 'k2' },
      { node: 'n3', state: 'unused', key: undefined },
    ]);
    expect(audit.records.splice(0)).toEqual([
      { action: 'admin_read', outcome: 'ok', actor: 'admin:eve', stranger: false },
    ]);
    now += 1;
    expect((await list({ cluster: 'hpc' })).map(({ state }) => state)).toEqual([
      'expired',
      'spent',
      'expired',
    ]);
    expect(audit.records.splice(0)).toMatchObject([{ selector: '{"cluster":"hpc"}' }]);
    expect(await list({ unused: true })).toEqual([]);
    expect(await list({ cluster: 'other' })).toEqual([]);
  });
});
