import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CertificateSigner, SignedCertificate } from '../../../src/backend/certificate-signer.ts';
import { publicKeyDigest, type SlurmCertificate } from '../../../src/identity/runs/slurm-name.ts';
import { createNodeEnrolment, type NodeEnrolment } from '../../../src/lease/runs/node-enrolment.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { makeCertificateRequest } from '../../../src/platform/certificate-request.ts';
import { type ErrorCode, LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createTestCa } from '../../support/certificates.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { recordingAudit } from '../rpc/server-world.ts';

const hour = 3_600_000;
const uri = 'spiffe://test/slurm/hpc/node/n1';
const signal = AbortSignal.timeout(60_000);
const ca = createTestCa();
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const digestOf = (key: KeyObject) =>
  publicKeyDigest({ raw: new X509Certificate(certified(key)).raw }).slice(0, 16);
const certified = (key: KeyObject, of: Partial<Parameters<typeof ca.issueClient>[0]> = {}) =>
  ca.certifyClient(createPublicKey(key), {
    commonName: '',
    uri,
    notBefore: new Date(now - 30_000),
    notAfter: new Date(now + hour),
    ...of,
  });

let now: number;
let ledger: Ledger;
let admitted: boolean;
let signing: (asked: Parameters<CertificateSigner['signCertificate']>[0]) => Promise<SignedCertificate>;
const audit = recordingAudit();
const signer: CertificateSigner = { signCertificate: (asked) => signing(asked) };
let known: NodeEnrolment | undefined;
let close: () => Promise<void>;

beforeEach(async () => {
  now = Date.now();
  admitted = true;
  known = undefined;
  audit.records.length = 0;
  const folder = await createTempFolder({ name: 'enrolment' });
  const opened = await openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog });
  ledger = opened;
  close = async () => {
    await opened[Symbol.asyncDispose]();
    await folder.remove();
  };
});
afterEach(() => close());

const enrolment = () =>
  (known ??= createNodeEnrolment({
    clusters: new Set(['hpc']),
    trustDomain: 'test',
    authority: { mount: 'pki', role: 'node', certificateSeconds: 3_600 },
    signer,
    ledger: {
      addEnrolments: (all) => ledger.addEnrolments(all),
      spendEnrolment: (one) => ledger.spendEnrolment(one),
      listEnrolments: (query) => ledger.listEnrolments(query),
      withdrawEnrolment: (one) => ledger.withdrawEnrolment(one),
      withdrawEnrolmentsOf: (all) => ledger.withdrawEnrolmentsOf(all),
    },
    admitNode: async () => admitted,
    audit,
    log: silentLog,
    now: () => now,
  }));

const aToken = async (node = 'n1'): Promise<Buffer> => {
  const made = await enrolment().makeTokens({
    cluster: 'hpc',
    nodes: [node],
    ttlSeconds: 600,
    by: 'admin:a',
  });
  audit.records.length = 0;
  return Buffer.from(made.tokens[0]?.token.open() ?? []);
};
/** What comes back is the leaf alone: whoever trusts the root has it already. */
const signs = (key: KeyObject, of: Parameters<typeof certified>[1] = {}): string => {
  const certificate = certified(key, of);
  signing = async () => ({ certificate, authorities: [ca.certificate] });
  return new X509Certificate(certificate).toString();
};
const enrol = (token: Uint8Array, key: KeyObject, request: Uint8Array = makeCertificateRequest(key)) =>
  enrolment().enrol({ token, request, peer: '10.0.0.9', signal });

/** The reply's code and the only record, together. */
const refused = async (call: Promise<unknown>, code: ErrorCode, record: object) => {
  await expect(call).rejects.toMatchObject({ code });
  expect(audit.records).toEqual([{ action: 'enrol', outcome: 'refused', code, stranger: true, ...record }]);
  audit.records.length = 0;
};
const stranger = { peer: '10.0.0.9' };
const proved = { node: 'hpc/n1', actor: uri };

describe('a token', () => {
  it('that was withdrawn is refused like one that never was, to every key', async () => {
    const [token, key] = [await aToken(), newKey()];
    signs(key);
    await enrolment().withdrawTokens({ cluster: 'hpc', node: 'n1', reason: 'lost', by: 'admin:a' });
    audit.records.length = 0;
    await refused(enrol(token, key), 'enrolment_refused', stranger);
    await refused(enrol(token, newKey()), 'enrolment_refused', stranger);
    expect((await enrol(await aToken(), key)).chain).toContain('BEGIN CERTIFICATE');
  });

  it.each<[string, (token: Buffer) => Buffer]>([
    ['is empty', () => Buffer.alloc(0)],
    ['is no token', () => Buffer.from('secret')],
    [
      'differs in its last character',
      (token) => Buffer.from(token.toString().replace(/.$/, (c) => (c === 'A' ? 'E' : 'A'))),
    ],
    ['names another node', (token) => Buffer.from(token.toString().replace('/n1/', '/n2/'))],
    ['names another cluster', (token) => Buffer.from(token.toString().replace('/hpc/', '/east/'))],
    ['has a line end', (token) => Buffer.concat([token, Buffer.from('\n')])],
    ['is huge', (token) => Buffer.concat([token, Buffer.alloc(60_000, 0x41)])],
  ])('that %s is refused, as to a stranger, and spends nothing', async (_what, change) => {
    const [token, key] = [await aToken(), newKey()];
    signs(key);
    await refused(enrol(change(token), key), 'enrolment_refused', stranger);
    expect((await enrol(token, key)).chain).toContain('BEGIN CERTIFICATE');
  });

  it('that has expired is refused, to the key that spent it too', async () => {
    const [token, other, key] = [await aToken(), await aToken('n2'), newKey()];
    signs(key);
    await enrol(token, key);
    audit.records.length = 0;
    now += 600_000;
    await refused(enrol(token, key), 'enrolment_expired', proved);
    await refused(enrol(other, key), 'enrolment_expired', {
      node: 'hpc/n2',
      actor: 'spiffe://test/slurm/hpc/node/n2',
    });
  });

  it('that another key has spent is refused, and recorded against its node', async () => {
    const [token, key] = [await aToken(), newKey()];
    signs(key);
    await enrol(token, key);
    audit.records.length = 0;
    await refused(enrol(token, newKey()), 'enrolment_spent', proved);
    // The first goes on: nobody who comes later takes it from the node.
    now += 3_000;
    expect((await enrol(token, key)).chain).toContain('BEGIN CERTIFICATE');
  });

  it.each<[string, (key: KeyObject) => Uint8Array]>([
    ['none', () => Buffer.alloc(0)],
    ['a cut one', (key) => makeCertificateRequest(key).subarray(0, -3)],
    ['a huge one', () => Buffer.alloc(60_000, 0x30)],
    [
      'one of a weak key',
      () => makeCertificateRequest(generateKeyPairSync('ec', { namedCurve: 'P-192' }).privateKey),
    ],
  ])('with %s as request is refused, and not spent', async (_what, request) => {
    const [token, key] = [await aToken(), newKey()];
    signs(key);
    await refused(enrol(token, key, request(key)), 'request_invalid', stranger);
    expect((await enrol(token, key)).chain).toContain('BEGIN CERTIFICATE');
  });

  it.each<ErrorCode>(['backend_unavailable', 'backend_sealed', 'backend_denied'])(
    'that met %s is good for the same key again, and for no other',
    async (code) => {
      const [token, key] = [await aToken(), newKey()];
      signing = () => Promise.reject(new LeaseholdError(code));
      await refused(enrol(token, key), code, { ...proved, outcome: 'failed' });
      signs(key);
      await refused(enrol(token, newKey()), 'enrolment_spent', proved);
      expect((await enrol(token, key)).chain).toContain('BEGIN CERTIFICATE');
    },
  );

  it('is of no use while the ledger cannot be written: nothing is signed', async () => {
    const [token, key] = [await aToken(), newKey()];
    const before = ledger;
    ledger = { ...ledger, spendEnrolment: () => Promise.reject(new LeaseholdError('ledger_unavailable')) };
    signing = () => Promise.reject(new Error('must not be asked'));
    await refused(enrol(token, key), 'ledger_unavailable', { ...stranger, outcome: 'failed' });
    ledger = before;
  });

  it('gives nothing out without a record', async () => {
    const [token, key] = [await aToken(), newKey()];
    signs(key);
    const unwritten = { ...audit, record: () => Promise.reject(new LeaseholdError('audit_unavailable')) };
    const call = createNodeEnrolment({
      clusters: new Set(['hpc']),
      trustDomain: 'test',
      authority: { mount: 'pki', role: 'node', certificateSeconds: 3_600 },
      signer,
      ledger,
      admitNode: async () => true,
      audit: unwritten,
      log: silentLog,
      now: () => now,
    }).enrol({ token, request: makeCertificateRequest(key), peer: '10.0.0.9', signal });
    await expect(call).rejects.toMatchObject({ code: 'audit_unavailable' });
  });

  it('makes the certificate of its node, asked for by name, and puts it on record', async () => {
    const [token, key] = [await aToken(), newKey()];
    const asked: unknown[] = [];
    const certificate = certified(key);
    signing = async (what) => {
      asked.push({ ...what, signal: undefined, request: what.request.slice(0, 35) });
      return { certificate, authorities: [ca.certificate] };
    };
    const { chain, expiresAt } = await enrol(token, key);
    expect(chain).toBe(new X509Certificate(certificate).toString());
    expect(expiresAt).toBe(Math.floor((now + hour) / 1000) * 1000);
    expect(asked).toEqual([
      {
        mount: 'pki',
        role: 'node',
        uri,
        ttlSeconds: 3_600,
        request: '-----BEGIN CERTIFICATE REQUEST-----',
        signal: undefined,
      },
    ]);
    expect(audit.records).toEqual([
      { action: 'enrol', outcome: 'ok', ...proved, credentialId: digestOf(key), stranger: false },
    ]);
  });
});

describe('a node that asks without end', () => {
  it('gets one certificate in a while, and no more records than that', async () => {
    const [token, other, key] = [await aToken(), await aToken('n2'), newKey()];
    signs(key);
    await enrol(token, key);
    audit.records.length = 0;
    await refused(enrol(token, key), 'overloaded', proved);
    // Nor does it keep another one waiting.
    signs(key, { uri: 'spiffe://test/slurm/hpc/node/n2' });
    await enrol(other, key);
    now += 3_000;
    signs(key);
    expect((await enrol(token, key)).chain).toContain('BEGIN CERTIFICATE');
  });
});

describe('what the authority signs', () => {
  it.each<[string, (key: KeyObject) => SignedCertificate]>([
    ['is of another key', () => ({ certificate: certified(newKey()), authorities: [] })],
    ['names another node', (key) => ({ certificate: certified(key, { uri: `${uri}0` }), authorities: [] })],
    [
      'names nobody',
      (key) => {
        const nameless = { commonName: 'n1', notAfter: new Date(now + hour) };
        return { certificate: ca.certifyClient(createPublicKey(key), nameless), authorities: [] };
      },
    ],
    [
      'lives for too long',
      (key) => ({ certificate: certified(key, { notAfter: new Date(now + 2 * hour) }), authorities: [] }),
    ],
    ['is good for servers', () => ({ certificate: ca.issueServer().certificate, authorities: [] })],
    ['is an authority', () => ({ certificate: ca.certificate, authorities: [] })],
    ['is no certificate', () => ({ certificate: 'hello', authorities: [] })],
    [
      'comes with authorities that are none',
      (key) => ({ certificate: certified(key), authorities: ['hello'] }),
    ],
  ])('and %s goes to nobody', async (_what, made) => {
    const [token, key] = [await aToken(), newKey()];
    signing = async () => made(key);
    await refused(enrol(token, key), 'backend_reply_invalid', { ...proved, outcome: 'failed' });
  });
});

describe('a renewal', () => {
  const shown = (key: KeyObject, of: Parameters<typeof certified>[1] = {}): SlurmCertificate => {
    const { subjectAltName = '', raw, validFrom, validTo } = new X509Certificate(certified(key, of));
    return { subjectaltname: subjectAltName, raw, valid_from: validFrom, valid_to: validTo };
  };
  const old = { notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + hour) };
  const renew = (certificate: SlurmCertificate | undefined, key: KeyObject) =>
    enrolment().renew({ certificate, request: makeCertificateRequest(key), peer: '10.0.0.9', signal });

  it('is refused to strangers, signers, and nodes of other clusters', async () => {
    const key = newKey();
    signing = () => Promise.reject(new Error('must not be asked'));
    await refused(renew(undefined, key), 'credential_unknown_issuer', stranger);
    for (const name of [
      'spiffe://test/slurm/hpc/signer',
      'spiffe://test/slurm/east/node/n1',
      'spiffe://other/slurm/hpc/node/n1',
    ])
      await refused(renew(shown(key, { ...old, uri: name }), key), 'credential_unknown_issuer', stranger);
  });

  it('is refused with a certificate that has expired, is too new, is of another key, or of a key that the node has no more', async () => {
    const key = newKey();
    signing = () => Promise.reject(new Error('must not be asked'));
    const expired = { notBefore: new Date(now - hour), notAfter: new Date(now - 1_000) };
    await refused(renew(shown(key, expired), key), 'credential_expired', proved);
    await refused(renew(shown(key), key), 'request_invalid', proved);
    await refused(renew(shown(key, old), newKey()), 'node_other_key', proved);
    admitted = false;
    await refused(renew(shown(key, old), key), 'node_other_key', proved);
  });

  it('makes a certificate of the same key, and puts it on record', async () => {
    const key = newKey();
    const leaf = signs(key);
    expect((await renew(shown(key, old), key)).chain).toBe(leaf);
    expect(audit.records).toEqual([
      { action: 'enrol', outcome: 'ok', ...proved, credentialId: digestOf(key), stranger: false },
    ]);
  });
});
