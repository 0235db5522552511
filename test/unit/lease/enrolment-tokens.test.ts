import { describe, expect, it } from 'vitest';
import { parseEnrolmentToken } from '../../../src/identity/runs/enrolment-token.ts';
import { createEnrolmentTokens } from '../../../src/lease/runs/enrolment-tokens.ts';
import type { NewEnrolment } from '../../../src/ledger/enrolments.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { recordingAudit } from '../rpc/server-world.ts';

const now = 1_800_000_000_000;
const never = () => Promise.reject(new Error('not asked for here'));
const request = { cluster: 'hpc', nodes: ['n1', 'n2'], ttlSeconds: 600, by: 'admin:ada' };

function site(broken: { readonly ledger?: boolean; readonly audit?: boolean } = {}) {
  const kept: NewEnrolment[] = [];
  const audit = recordingAudit();
  const enrolment = createEnrolmentTokens({
    clusters: new Set(['hpc']),
    ledger: {
      listEnrolments: never,
      withdrawEnrolment: never,
      withdrawEnrolmentsOf: never,
      addEnrolments: async (enrolments) => {
        if (broken.ledger === true) throw new LeaseholdError('ledger_unavailable');
        kept.push(...enrolments);
      },
    },
    audit: {
      ...audit,
      record: async (event) => {
        if (broken.audit === true) throw new LeaseholdError('audit_unavailable');
        await audit.record(event);
      },
    },
    now: () => now,
  });
  return { enrolment, kept, records: audit.records };
}

describe('making enrolment tokens', () => {
  it.each<[string, Partial<typeof request>]>([
    ['another cluster', { cluster: 'east' }],
    ['no node', { nodes: [] }],
    ['a node twice', { nodes: ['n1', 'n1'] }],
    ['a name that is none', { nodes: ['n1', '../n2'] }],
    ['a pattern', { nodes: ['n*'] }],
    ['too many nodes', { nodes: Array.from({ length: 4_097 }, (_none, index) => `n${index}`) }],
    ['too short a life', { ttlSeconds: 59 }],
    ['too long a life', { ttlSeconds: 604_801 }],
  ])('is refused for %s', async (_what, wrong) => {
    const { enrolment, kept, records } = site();
    await expect(enrolment.makeTokens({ ...request, ...wrong })).rejects.toMatchObject({
      code: 'request_invalid',
    });
    expect([kept, records]).toEqual([[], []]);
  });

  it('gives none out that is not in the ledger, or not on record', async () => {
    await expect(site({ ledger: true }).enrolment.makeTokens(request)).rejects.toMatchObject({
      code: 'ledger_unavailable',
    });
    await expect(site({ audit: true }).enrolment.makeTokens(request)).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
  });

  it('keeps only hashes, and records who made them for whom', async () => {
    const { enrolment, kept, records } = site();
    const { tokens, expiresAt } = await enrolment.makeTokens(request);
    expect(expiresAt).toBe(now + 600_000);
    const claims = tokens.map(({ token }) => parseEnrolmentToken(token.open()));
    expect(claims).toMatchObject([
      { cluster: 'hpc', node: 'n1' },
      { cluster: 'hpc', node: 'n2' },
    ]);
    expect(kept).toEqual(
      claims.map((claim) => ({
        cluster: claim?.cluster,
        node: claim?.node,
        token: claim?.hash,
        by: 'admin:ada',
        at: now,
        expiresAt,
      })),
    );
    expect(records).toEqual(
      claims.map((claim) => ({
        action: 'enrol_token',
        outcome: 'ok',
        actor: 'admin:ada',
        node: `hpc/${claim?.node ?? ''}`,
        credentialId: claim?.hash.slice(0, 16),
        stranger: false,
      })),
    );
    for (const { token } of tokens)
      expect(JSON.stringify([kept, records])).not.toContain(Buffer.from(token.open()).toString().slice(-43));
  });
});
