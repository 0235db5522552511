import { openAudit } from '../../../src/audit/open-audit.ts';
import { writeToStandardOutput } from '../../../src/audit/stream-sink.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { hasCode } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';

/**
 * A process of its own whose standard output the test reads, or does not. Records until one is refused, says so on standard error, then until one
 * is taken again, and ends.
 */
const audit = await openAudit({
  file: writeToStandardOutput,
  hmacKey: Secret.ofText('0123456789abcdef'),
  maxWaitMs: 1_000,
  clock: systemClock,
  log: silentLog,
});
const say = (text: string) => process.stderr.write(`${text}\n`);
const isTaken = async (): Promise<boolean> => {
  try {
    await audit.record({ action: 'open', outcome: 'ok', reason: 'x'.repeat(2_000) });
    return true;
  } catch (error) {
    if (!hasCode(error, 'audit_unavailable')) throw error;
    return false;
  }
};
for (let count = 0; await isTaken(); count += 1) if (count === 1_000) break;
say('refused');
// The loop goes on while the write hangs.
while (!(await isTaken())) say('still refused');
say('taken');
await audit[Symbol.asyncDispose]();
