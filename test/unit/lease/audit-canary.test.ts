import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord, noHash } from '../../../src/audit/record.ts';
import { createWorld } from './world.ts';

/** Every spelling in which a value could get into a record. */
const spellings = (value: string): readonly string[] => [
  value,
  Buffer.from(value).toString('base64').replace(/=+$/, ''),
  Buffer.from(value).toString('hex'),
  encodeURIComponent(value),
];

describe('the audit records of whatever happens', () => {
  it('hold no secret value, no accessor and no lease id, in any spelling', async () => {
    const steps = fc.constantFrom('db', 'kv', 'rotate', 'revoke', 'lock', 'list', 'wiped', 'denied');
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 2, maxLength: 8 }), async (taken) => {
        await using world = await createWorld();
        const holder = await world.holder();
        const by = 'admin:ada';
        const reason = 'drill';
        const canaries = new Set(['canary-v1']);
        const collect = async () => {
          const { username, password } = holder.login();
          for (const value of [username, password]) if (value !== '') canaries.add(value);
          for (const { leaseSets } of await world.ledger.listSessions({ limit: 100 }))
            for (const { credentials } of leaseSets)
              for (const { reference } of credentials) canaries.add(reference);
        };
        for (const step of ['db', 'kv', ...taken]) {
          const { admin } = world.engine();
          if (step === 'db' || step === 'kv') await holder.take(step);
          if (step === 'rotate') await admin.rotate({ selector: { all: true }, reason, by, dryRun: false });
          if (step === 'lock')
            await admin.addLock({ selector: { node: 'elsewhere' }, reason, by, dryRun: false });
          if (step === 'list')
            await admin.list({ selector: undefined, includeEnded: true, pageSize: 10, after: undefined, by });
          if (step === 'denied') world.grant(false);
          const session = holder.last('opened')?.session;
          if (step === 'wiped' && session !== undefined) await holder.attachment.wiped({ session });
          await collect();
          if (step === 'revoke') await admin.revoke({ selector: { all: true }, reason, by, dryRun: false });
          await world.pass(2_000);
          await collect();
        }
        expect(canaries.size).toBeGreaterThan(3);
        const text = world.records
          .map((event) => encodeRecord({ chain: 'c', seq: 1, at: '', prev: noHash }, event))
          .join('\n');
        expect(world.records.map(({ action }) => action)).toContain('deliver');
        for (const canary of canaries)
          for (const spelling of spellings(canary)) expect(text.includes(spelling)).toBe(false);
      }),
      { numRuns: 15 },
    );
  }, 60_000);
});
