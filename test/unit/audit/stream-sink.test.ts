import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { AuditHead } from '../../../src/audit/audit-tail.ts';
import { openAudit, type OpenAuditOptions } from '../../../src/audit/open-audit.ts';
import type { WriteSome } from '../../../src/audit/stream-sink.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const unavailable = { code: 'audit_unavailable' };
const event = (count: number) => ({ action: 'open', outcome: 'ok', count }) as const;

/** Keeps what it is given, some bytes at a time. */
function collector() {
  const chunks: Buffer[] = [];
  let fail: { readonly afterBytes: number } | undefined;
  const write: WriteSome = async (bytes, offset) => {
    const some = fail?.afterBytes ?? 100;
    if (fail !== undefined && some === 0) throw new Error('closed');
    chunks.push(Buffer.from(bytes.subarray(offset, offset + some)));
    if (fail !== undefined) fail = { afterBytes: 0 };
    return Math.min(some, bytes.byteLength - offset);
  };
  return {
    write,
    failAfter: (afterBytes: number | undefined) =>
      void (fail = afterBytes === undefined ? undefined : { afterBytes }),
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}

const open = (file: WriteSome, options: Partial<OpenAuditOptions> = {}) =>
  openAudit({
    file,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    clock: systemClock,
    log: silentLog,
    ...options,
  });
const verifyText = async (text: string) => {
  await using folder = await createTempFolder();
  const path = join(folder.path, 'collected.jsonl');
  await writeFile(path, text);
  return await verifyAudit({ files: [path] });
};

describe('a stream of records', () => {
  it('is refused while it takes nothing, and goes on without a gap', async () => {
    const out = collector();
    {
      await using audit = await open(out.write);
      await audit.record(event(1));
      out.failAfter(0);
      await expect(audit.record(event(2))).rejects.toMatchObject(unavailable);
      out.failAfter(undefined);
      await audit.record(event(3));
    }
    expect(await verifyText(out.text())).toMatchObject({ ok: true, records: 4 });
    expect(out.text()).not.toContain('"count":2');
  });

  it('takes nothing more when it broke in the middle of a record', async () => {
    const out = collector();
    const audit = await open(out.write);
    out.failAfter(10);
    await expect(audit.record(event(1))).rejects.toMatchObject(unavailable);
    out.failAfter(undefined);
    await expect(audit.record(event(2))).rejects.toMatchObject(unavailable);
    await audit[Symbol.asyncDispose]();
    expect(await verifyText(out.text())).toMatchObject({ ok: false, records: 1, fault: { rule: 'torn' } });
  });

  it('says which chain came before', async () => {
    const [first, second] = [collector(), collector()];
    let head: AuditHead | undefined;
    await (await open(first.write, { onHead: (told) => (head = told) }))[Symbol.asyncDispose]();
    if (head === undefined) throw new Error('no head was told');
    await (await open(second.write, { expectedHead: head }))[Symbol.asyncDispose]();
    expect(second.text()).toContain(`the chain before was ${head.chain}, known up to record 2`);
    expect(await verifyText(second.text())).toMatchObject({ ok: true, records: 2 });
  });

  it('into a pipe that nobody reads holds up nothing but the records', async () => {
    const program = join(import.meta.dirname, 'record-to-stdout.ts');
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
      await vi.waitUntil(() => said.includes('still refused\nstill refused'));
      let collected = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (collected += chunk));
      const [code] = (await once(child, 'close')) as [number];
      expect([code, said.endsWith('taken\n')]).toEqual([0, true]);
      expect(await verifyText(collected)).toMatchObject({ ok: true });
    } finally {
      child.kill('SIGKILL');
    }
  });
});
