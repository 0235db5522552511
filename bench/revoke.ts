import { readFile } from 'node:fs/promises';
import { systemClock } from '../src/platform/clock.ts';
import { createAdminClient } from '../src/rpc/client/admin-client.ts';
import { startHolder } from '../test/e2e/holder.ts';
import { startSite } from '../test/e2e/site.ts';
import { audience } from '../test/e2e/site-files.ts';
import { missingReasons } from '../test/support/require.ts';
import { waitFor } from '../test/support/parts/wait-until-ready.ts';
import { type Benchmark, percentile } from './lib/result.ts';

const longestWaitMs = 30_000;

/** From the administrator's call to "confirmed", to the role's absence from PostgreSQL, and to the files' absence, on real parts. */
export const revoke: Benchmark = async ({ quick, say }) => {
  const lacking = (['vault', 'postgres', 'kubernetes'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const rounds = quick ? 10 : 200;
  say('starting two clusters, Vault, PostgreSQL and the broker');
  await using site = await startSite();
  const flag = (name: string) => site.files.connection[site.files.connection.indexOf(name) + 1] ?? '';
  await using admin = createAdminClient({
    endpoint: {
      address: flag('--broker'),
      ca: await readFile(flag('--ca')),
      clientCertificate: {
        certificate: await readFile(flag('--cert')),
        key: await readFile(flag('--key')),
      },
    },
    clock: systemClock,
    random: Math.random,
  });
  const confirmedMs: number[] = [];
  const wipedMs: number[] = [];
  let alive = 0;
  for (let round = 1; round <= rounds; round += 1) {
    if (round % 20 === 0) say(`${round} of ${rounds}`);
    const name = `bench-${round}`;
    const pod = await site.one.createPod({ namespace: 'shop', name, serviceAccount: 'app' });
    const token = await site.one.createBoundToken({ ...pod, audience, expirationSeconds: 600 });
    await using holder = await startHolder({ site: site.files, token });
    await waitFor('the files', async () => (await holder.readLogin()) !== undefined, longestWaitMs);
    const login = await holder.readLogin();
    const startedAt = performance.now();
    const wiped = waitFor(
      'the files to go',
      async () => (await holder.readLogin()) === undefined,
      longestWaitMs,
    ).then(() => wipedMs.push(performance.now() - startedAt));
    const request = { selector: { pod: `shop/${name}` }, reason: 'benchmark', waitMs: longestWaitMs };
    for await (const progress of admin.revokeSessions(request, AbortSignal.timeout(longestWaitMs))) {
      if (progress.settled < progress.matched) continue;
      confirmedMs.push(performance.now() - startedAt);
      break;
    }
    if (login === undefined || (await site.parts.roleExists(login.username))) alive += 1;
    await wiped;
  }
  return [
    { figure: 'revoke.confirmed_p50', value: percentile(confirmedMs, 0.5), unit: 'ms' },
    {
      figure: 'revoke.confirmed_p99',
      value: percentile(confirmedMs, 0.99),
      unit: 'ms',
      goal: { text: 'at most 5 s', met: percentile(confirmedMs, 0.99) <= 5_000 },
    },
    { figure: 'revoke.wiped_p50', value: percentile(wipedMs, 0.5), unit: 'ms' },
    { figure: 'revoke.wiped_p99', value: percentile(wipedMs, 0.99), unit: 'ms' },
    {
      figure: 'revoke.roles_alive_when_confirmed',
      value: alive,
      unit: '',
      goal: { text: 'none', met: alive === 0 },
    },
  ];
};
