import { chmod, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readNodeCertificate } from '../../../../sidecar/node/certificate.ts';
import { createTestCa } from '../../../support/certificates.ts';
import type { TempFolder } from '../../../support/temp-folder.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';

describe('the certificate of a node', () => {
  let folder: TempFolder;
  let files: { readonly ca: string; readonly certificate: string; readonly key: string };
  const authority = createTestCa();
  const write = async (node: string) => {
    const uri = `spiffe://example.org/slurm/hpc/node/${node}`;
    const pair = authority.issueClient({ commonName: node, uri });
    await writeFile(files.certificate, pair.certificate);
    await writeFile(files.key, pair.key, { mode: 0o600 });
  };
  /** The files have been left alone for so long. */
  const later = (ms: number) => {
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + ms);
  };
  beforeEach(async () => {
    folder = await createTempFolder({ name: 'node-certificate' });
    files = {
      ca: join(folder.path, 'ca.pem'),
      certificate: join(folder.path, 'tls.crt'),
      key: join(folder.path, 'tls.key'),
    };
    await writeFile(files.ca, authority.certificate);
    await write('n1');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await folder.remove();
  });

  it('is refused once its key is open to others, also after it was good', async () => {
    later(10_000);
    const last = await readNodeCertificate(files);
    await chmod(files.key, 0o644);
    await expect(readNodeCertificate(files, last)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: 'the key file is open to other users',
    });
  });

  it('is refused once a file is gone', async () => {
    later(10_000);
    const last = await readNodeCertificate(files);
    await expect(
      readNodeCertificate({ ...files, certificate: join(folder.path, 'none') }, last),
    ).rejects.toMatchObject({ detail: 'the certificate file cannot be read' });
  });

  it('is not read again while nobody touches its files', async () => {
    later(10_000);
    const last = await readNodeCertificate(files);
    expect(last).toMatchObject({ cluster: 'hpc', node: 'n1' });
    expect(await readNodeCertificate(files, last)).toBe(last);
  });

  it('is the new one once its files were written, whatever time they claim', async () => {
    later(10_000);
    const last = await readNodeCertificate(files);
    await write('n2');
    await utimes(files.certificate, 1, 1);
    expect(await readNodeCertificate(files, last)).toMatchObject({ node: 'n2' });
  });

  it('is read again where its files were written a moment before it was read', async () => {
    const last = await readNodeCertificate(files);
    expect(last.looks).toBeUndefined();
    later(10_000);
    const again = await readNodeCertificate(files, last);
    expect(again).toEqual({ ...last, looks: expect.any(String) as string });
    expect(await readNodeCertificate(files, again)).toBe(again);
  });
});
