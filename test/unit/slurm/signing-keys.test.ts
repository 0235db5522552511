import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { silentIdentityEvents } from '../../../src/identity/identity-events.ts';
import { jwksFromFile } from '../../../src/identity/jwks-sources.ts';
import { createKeySet } from '../../../src/identity/keys.ts';
import { verifyRunAssertion } from '../../../src/identity/runs/run-assertion.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { readSigningKeys } from '../../../src/slurm/signing-keys.ts';
import { runClaims } from '../../support/run-claims.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const signal = new AbortController().signal;
const now = 1_700_000_001_000;
const claims = runClaims({ jobId: 12, start: 1_700_000_000, nodes: ['n1'], iat: 1_700_000_001 });

async function createFolder() {
  const folder = await createTempFolder({ name: 'signing-keys' });
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const write = async (name: string, text: string | Buffer) => {
    const file = join(folder.path, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    write,
    key: (name: string, key: KeyObject) => write(name, key.export({ type: 'pkcs8', format: 'pem' })),
  };
}

it.each([
  ['EdDSA', () => generateKeyPairSync('ed25519')],
  ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
] as const)(
  'of %s sign what the broker believes by the published half, and another pair does not',
  async (alg, make) => {
    const folder = await createFolder();
    const signing = await readSigningKeys([await folder.key('key.pem', make().privateKey)]);
    const other = await readSigningKeys([await folder.key('other.pem', make().privateKey)]);
    expect(signing.published).toMatchObject([{ alg, use: 'sig' }]);
    expect(JSON.stringify(signing.published)).not.toContain('"d"');
    const path = await folder.write('signer.jwks', JSON.stringify({ keys: signing.published }));
    const keys = createKeySet({
      cluster: 'hpc',
      load: jwksFromFile({ path }),
      clock: systemClock,
      log: silentLog,
      events: silentIdentityEvents,
      cooldownMs: 1_000,
      refreshMs: 60_000,
    });
    onTestFinished(() => keys.close());
    const verify = async (assertion: string) =>
      verifyRunAssertion(Buffer.from(assertion), {
        cluster: {
          name: 'hpc',
          audience: 'leasehold',
          keys: { file: path },
          endGraceSeconds: 1,
          absentAfterSeconds: 0,
        },
        keys,
        trustDomain: 'test',
        now,
        signal,
      });
    const assertion = await signing.sign(claims);
    expect((await verify(assertion)).identity).toMatchObject({ jobId: 12, user: 'alice' });
    await expect(verify(await other.sign(claims))).rejects.toMatchObject({ code: 'credential_unknown_key' });
    // The same words under the other's signature.
    const [header = '', payload = ''] = assertion.split('.');
    const [, , foreign = ''] = (await other.sign(claims)).split('.');
    await expect(verify([header, payload, foreign].join('.'))).rejects.toMatchObject({
      code: 'credential_bad_signature',
    });
  },
);

it.each([
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2_048 })],
] as const)('of %s are refused, with the file and the rule', async (_name, make) => {
  const folder = await createFolder();
  const file = await folder.key('key.pem', make().privateKey);
  await expect(readSigningKeys([file])).rejects.toMatchObject({
    code: 'config_invalid',
    detail: `${file}: must be Ed25519 or P-256`,
  });
});
