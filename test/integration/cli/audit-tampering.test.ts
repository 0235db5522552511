import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type KnownHeads, readKnownHeads } from '../../../src/audit/known-heads.ts';
import { createHeadVerifier, type HeadVerifier } from '../../../src/audit/signing-keys.ts';
import { type AuditVerdict, verifyAudit } from '../../../src/audit/verify.ts';
import { childEnvironment } from '../../../src/demo/child-environment.ts';
import { writeDemoFiles, writeSidecarFiles } from '../../../src/demo/demo-files.ts';
import { createPrograms } from '../../../src/demo/programs.ts';
import { startBroker } from '../../../src/demo/start-broker.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';
import { runHere } from '../../cli/run-here.ts';

/** The log of a real broker that has served, refused and revoked, and what somebody may do to it. */
let lines: readonly string[];
let key: HeadVerifier;
let heads: KnownHeads;
let folder: TempFolder;

beforeAll(async () => {
  folder = await createTempFolder({ name: 'audit-tampering' });
  const files = writeDemoFiles();
  const env = childEnvironment(process.env, files.folder);
  const programs = createPrograms({ env, signal: new AbortController().signal });
  try {
    const broker = startBroker({ process: { files, backend: { kind: 'memory' } }, env, timeoutMs: 120_000 });
    programs.own(broker.child);
    const { workloads, admin } = await broker.ready();
    const { token } = await broker.addPod('trainer-0', 'trainer');
    const pod = { name: 'trainer-0', token, broker: workloads, bundle: 'training' };
    const sidecar = writeSidecarFiles(files, pod);
    programs.start(['sidecar', '--config', sidecar.config]);
    await vi.waitUntil(() => existsSync(join(sidecar.target, 'training', 'generation')), {
      timeout: 120_000,
    });
    const adminEnv = {
      LEASEHOLD_BROKER: admin,
      LEASEHOLD_CA: files.ca,
      LEASEHOLD_CERT: files.adminCertificate,
      LEASEHOLD_KEY: files.adminKey,
      LEASEHOLD_SERVER_NAME: 'localhost',
    };
    for (let count = 0; count < 8; count += 1) await runHere(['session', 'list'], { env: adminEnv });
    await runHere(['revoke', '--pod', 'ml/trainer-0', '--reason', 'drill', '--yes'], { env: adminEnv });
    await vi.waitUntil(async () => (await readFile(files.audit, 'utf8')).includes('"action":"settle"'), {
      timeout: 120_000,
    });
    key = createHeadVerifier([await readFile(files.auditKey, 'utf8')]);
    // Before the log, which has each head earlier: the broker goes on, and one that is made meanwhile would be of records that are not here.
    heads = await readKnownHeads(files.auditHeads, key);
    lines = (await readFile(files.audit, 'utf8')).split('\n').slice(0, -1);
  } finally {
    await programs[Symbol.asyncDispose]();
    rmSync(files.folder, { recursive: true, force: true });
  }
});

afterAll(() => folder.remove());

/** As several files, cut at the given places. */
async function verify(
  log: readonly string[],
  options: {
    readonly key?: HeadVerifier;
    readonly heads?: KnownHeads;
    readonly cuts?: readonly number[];
  } = {},
): Promise<{ readonly verdict: AuditVerdict; readonly line: number }> {
  const cuts = [
    ...new Set([0, ...(options.cuts ?? []).map((cut) => cut % Math.max(1, log.length))]),
  ].toSorted((a, b) => a - b);
  const files = await Promise.all(
    cuts.map(async (from, index) => {
      const path = join(folder.path, `audit-${index}.jsonl`);
      await writeFile(
        path,
        log
          .slice(from, cuts[index + 1])
          .map((text) => `${text}\n`)
          .join(''),
      );
      return path;
    }),
  );
  const verdict = await verifyAudit({
    files,
    ...(options.key === undefined ? {} : { keys: options.key }),
    ...(options.heads === undefined ? {} : { heads: { file: 'heads', known: options.heads } }),
  });
  const line = verdict.ok ? 0 : (cuts[files.indexOf(verdict.fault.file)] ?? 0) + verdict.fault.line;
  return { verdict, line };
}

/** Rewrites the chain from a line on so that its hashes hold again: what anybody can do who may write the file. */
function rechain(log: readonly string[], from: number): readonly string[] {
  const written: string[] = [];
  for (const [index, text] of log.entries()) {
    const before = written[index - 1];
    const prev = before === undefined ? '0'.repeat(64) : createHash('sha256').update(before).digest('hex');
    const renumbered = text
      .replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`)
      .replace(/"seq":\d+/, `"seq":${index + 1}`);
    written.push(index < from ? text : renumbered);
  }
  return written;
}

const edited = (text: string) =>
  text.replace(/"at":"(\d{4})/, (_found, year: string) => `"at":"${Number(year) - 1}`);
const cutsOf = fc.array(fc.nat(200), { maxLength: 4 });
const inner = () => fc.integer({ min: 1, max: lines.length - 2 });
const runs = { numRuns: 60 };

describe('the log of a real broker', () => {
  it('verifies as it is, in one file or many, and holds what an auditor asks for', async () => {
    expect(lines.length).toBeGreaterThan(20);
    expect((await verify(lines, { key, heads, cuts: [7, 3, 12] })).verdict).toMatchObject({ ok: true });
    const records = lines.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>);
    const story = records.filter(({ pod }) => pod === 'ml/trainer-0');
    const actions = story.map(({ action }) => action);
    for (const action of ['attach', 'open', 'issue', 'deliver', 'delivered', 'revoke', 'settle'])
      expect(actions).toContain(action);
    const asked: Readonly<Record<string, readonly string[]>> = {
      attach: ['actor', 'workload', 'spiffeId', 'node', 'holder', 'credentialId', 'trace'],
      open: ['actor', 'workload', 'credentialId', 'bundle', 'rule', 'policyRevision', 'trace'],
      issue: [
        'actor',
        'session',
        'leaseSet',
        'generation',
        'paths',
        'hmacs',
        'rule',
        'policyRevision',
        'trace',
      ],
      deliver: ['actor', 'session', 'holder', 'generation', 'paths', 'credentialId', 'trace'],
      delivered: ['actor', 'session', 'holder', 'generation', 'trace'],
      revoke: ['actor', 'session', 'reason', 'trace'],
      settle: ['actor', 'session', 'leaseSet', 'paths', 'hmacs', 'settlement', 'trace'],
    };
    for (const record of story)
      expect(Object.keys(record)).toEqual(
        expect.arrayContaining([...(asked[String(record['action'])] ?? [])]),
      );
    const traceOf = (name: string) => story.find(({ action }) => action === name)?.['trace'];
    for (const name of ['open', 'issue', 'deliver', 'delivered'])
      expect(traceOf(name)).toBe(traceOf('attach'));
    // An administrator's order, and what came of it.
    const order = records.find(({ action, selector }) => action === 'revoke' && selector !== undefined);
    expect(traceOf('revoke')).toBe(order?.['trace']);
  });
});

describe('tampering without new hashes is found at its place, without any key', () => {
  it('an edited record', async () => {
    await fc.assert(
      fc.asyncProperty(inner(), cutsOf, async (at, cuts) => {
        const log = lines.with(at, edited(lines[at] ?? ''));
        const { verdict, line } = await verify(log, { cuts });
        expect(verdict).toMatchObject({ ok: false, fault: { rule: 'broken_link', seq: at + 1, to: at + 1 } });
        expect(line).toBe(at + 2);
      }),
      runs,
    );
  });

  it('a changed byte', async () => {
    await fc.assert(
      fc.asyncProperty(inner(), fc.nat(), fc.integer({ min: 1, max: 127 }), async (at, place, change) => {
        const bytes = Buffer.from(lines[at] ?? '');
        const where = place % bytes.length;
        bytes[where] = (bytes[where] ?? 0) ^ change;
        const { verdict, line } = await verify(lines.with(at, bytes.toString('latin1')));
        expect(verdict.ok).toBe(false);
        // A new line end makes two of it.
        expect(line).toBeGreaterThanOrEqual(at + 1);
        expect(line).toBeLessThanOrEqual(at + 2);
      }),
      runs,
    );
  });

  it('removed records', async () => {
    await fc.assert(
      fc.asyncProperty(inner(), fc.integer({ min: 1, max: 5 }), cutsOf, async (at, many, cuts) => {
        const until = Math.min(at + many, lines.length - 1);
        const { verdict, line } = await verify(lines.toSpliced(at, until - at), { cuts });
        expect(verdict).toMatchObject({ ok: false, fault: { rule: 'gap', seq: at + 1, to: until } });
        expect(line).toBe(at + 1);
      }),
      runs,
    );
  });

  it('records that changed places, and a record that stands twice', async () => {
    await fc.assert(
      fc.asyncProperty(inner(), inner(), cutsOf, async (one, other, cuts) => {
        const [a, b] = [Math.min(one, other), Math.max(one, other)];
        const isTwice = a === b;
        const log = isTwice
          ? lines.toSpliced(a, 0, lines[a] ?? '')
          : lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '');
        const { verdict, line } = await verify(log, { cuts });
        expect(verdict).toMatchObject({ ok: false, fault: { rule: isTwice ? 'out_of_order' : 'gap' } });
        expect(line).toBe(isTwice ? a + 2 : a + 1);
      }),
      runs,
    );
  });
});

describe('tampering with all hashes made anew', () => {
  it('holds without a key, which is why there is one', async () => {
    const log = rechain(lines.with(6, edited(lines[6] ?? '')), 6);
    expect((await verify(log)).verdict.ok).toBe(true);
  });

  it('is found by the next signed head, which names what it may concern', async () => {
    const lastHead = lines.findLastIndex((text) => text.includes('"action":"head"'));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: lastHead - 1 }),
        fc.boolean(),
        cutsOf,
        async (at, remove, cuts) => {
          const harmed = remove ? lines.toSpliced(at, 1) : lines.with(at, edited(lines[at] ?? ''));
          const { verdict } = await verify(rechain(harmed, at), { key, cuts });
          expect(verdict.ok).toBe(false);
          if (verdict.ok) return;
          expect(['bad_signature', 'unsigned', 'not_a_record']).toContain(verdict.fault.rule);
          expect(verdict.fault.seq).toBeLessThanOrEqual(at + 1);
          expect(verdict.fault.to).toBeGreaterThanOrEqual(at);
        },
      ),
      runs,
    );
  });

  it('is found by a head that was kept elsewhere, without any key', async () => {
    const newest = Math.max(...heads.ofChain(heads.chains[0] ?? '').keys());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: newest - 1 }), cutsOf, async (at, cuts) => {
        const log = rechain(lines.with(at, edited(lines[at] ?? '')), at);
        const { verdict } = await verify(log, { heads, cuts });
        expect(verdict).toMatchObject({ ok: false, fault: { rule: 'replaced' } });
        if (verdict.ok) return;
        expect(verdict.fault.seq).toBeLessThanOrEqual(at + 1);
        expect(verdict.fault.to).toBeGreaterThanOrEqual(at + 1);
      }),
      runs,
    );
  });
});

describe('a cut-off end, or an old copy in place of the log', () => {
  it('is found by a head that was kept elsewhere', async () => {
    const newest = Math.max(...heads.ofChain(heads.chains[0] ?? '').keys());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: newest - 1 }), cutsOf, async (kept, cuts) => {
        const { verdict } = await verify(lines.slice(0, kept), { heads, key, cuts });
        expect(verdict).toMatchObject({ ok: false, fault: { rule: 'truncated', seq: kept + 1, to: newest } });
      }),
      runs,
    );
  });

  it('cannot be found without one, and that is said', async () => {
    const { verdict } = await verify(lines.slice(0, 12), { key });
    expect(verdict.unchecked).toContainEqual({ what: 'end', count: 1, isAsked: false });
  });
});
