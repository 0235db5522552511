import { expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { createSignerParts } from './signer-parts.ts';

it('what a broker in trouble cannot register is held, and tried one at a time while it answers everything else', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('audit_unavailable');
  for (const id of [1, 2, 3])
    expect(await parts.start(id)).toEqual({ ok: false, why: expect.stringContaining(`job ${id} is held`) });
  await parts.signer.reconcile();
  expect(parts.told()).toEqual(['hold 1', 'hold 2', 'hold 3', 'release 1']);
  await parts.start(1);
  await parts.signer.reconcile();
  expect(parts.told()).toEqual(['hold 1']);
  parts.wait(5);
  await parts.signer.reconcile();
  expect(parts.told()).toEqual(['release 2']);
  parts.trouble.register = undefined;
  expect(await parts.start(2)).toEqual({ ok: true });
  await parts.until(() => expect(parts.told()).toEqual(['release 3,1']));
});

it('once another job is registered, what is held goes at once and as one', async () => {
  const parts = await createSignerParts();
  await parts.signer.reconcile();
  parts.trouble.register = new LeaseholdError('broker_unavailable');
  for (const id of [1, 2, 3]) await parts.start(id);
  expect(parts.told()).toEqual(['hold 1', 'hold 2', 'hold 3']);
  parts.trouble.register = undefined;
  expect(await parts.start(4)).toEqual({ ok: true });
  await parts.until(() => expect(parts.told()).toEqual(['release 1,2,3']));
});
