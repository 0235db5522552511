import { openAudit } from '../../../src/audit/open-audit.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';

/** A process of its own, to be killed: records without end and says which records are durable, one on a line. */
const audit = await openAudit({
  file: process.argv[2] ?? '',
  hmacKey: Secret.ofText('0123456789abcdef'),
  maxWaitMs: 10_000,
  clock: systemClock,
  log: silentLog,
});
for (let round = 0; ; round += 1) {
  await Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (lane) => {
      const bundle = `${process.pid}-${round}-${lane}`;
      await audit.record({ action: 'open', outcome: 'ok', bundle });
      process.stdout.write(`${bundle}\n`);
    }),
  );
}
