import { expect, it } from 'vitest';
import { reloadWhileConnecting } from '../../unit/rpc/certificate-reloads.ts';
import { startWorld } from '../../unit/rpc/server-world.ts';

it('fails no handshake over a thousand certificate reloads, torn ones included', async () => {
  await using world = await startWorld();
  const reloads = await reloadWhileConnecting(world, 1_000);
  const results = await world.metrics.text();
  const accepted = /certificate_reloads_total\{listener="workloads",result="ok"\} (\d+)/.exec(results)?.[1];
  expect(Number(accepted)).toBe(reloads);
});
