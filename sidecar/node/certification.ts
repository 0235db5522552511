import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '../../src/platform/atomic-file.ts';
import { makeCertificateRequest } from '../../src/platform/certificate-request.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { hasCode, LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';
import type { certifyNode } from '../../src/rpc/client/certify-node.ts';
import { createBackoff } from '../backoff.ts';
import { orMissing } from '../deliver/file-system.ts';
import { readCa } from '../proof.ts';
import { readTokenFile } from '../token-file.ts';
import { askInTurn } from './ask-brokers.ts';
import { type NodeCertificate, readNodeCertificate } from './certificate.ts';
import type { NodeAgentConfig } from './config.ts';
import { ensureOwnFolder } from './own-folder.ts';

export interface CertificationOptions {
  readonly config: Pick<NodeAgentConfig, 'broker' | 'certificate' | 'key'>;
  readonly enrolment: NonNullable<NodeAgentConfig['enrolment']>;
  readonly certify: typeof certifyNode;
  /** The files have another one, or the first. */
  readonly onCertified: () => void;
  readonly clock: Clock;
  /** 0 up to but not including 1; for jitter only. */
  readonly random: () => number;
  readonly log: Log;
}

const timeoutMs = 30_000;
const pauses = { firstMs: 1_000, capMs: 60_000 };
/** Of its life. The rest is for a broker, or an authority, that is away. */
const renewedAt = { earliest: 0.6, latest: 0.7 };
/** Rarely, for ticks disturb jobs; often enough that a clock that was set is noticed. */
const longestSleepMs = 21_600_000;
/** To a clock that is far ahead every certificate is due. */
const leastBetweenMs = 60_000;

/**
 * Gets the certificate of this node from the broker where there is none, or one that has expired, and a newer one when two thirds of its life are
 * over. Stops when it is disposed of.
 */
export function keepCertified(options: CertificationOptions): AsyncDisposable {
  const { config, enrolment, clock, random, log } = options;
  const files = { ca: config.broker.ca, certificate: config.certificate, key: config.key };

  const current = async (): Promise<NodeCertificate | undefined> => {
    if ((await orMissing(lstat(files.certificate))) === undefined) return undefined;
    const found = await readNodeCertificate(files);
    return found.expiresAt > clock.now() ? found : undefined;
  };

  /** With the certificate that there is; without one, with the token. */
  const ask = async (held: NodeCertificate | undefined, signal: AbortSignal): Promise<void> => {
    const key = await ownKey(files.key);
    const proof =
      held === undefined
        ? { token: (await readTokenFile(enrolment.tokenFile)).token, ca: await readCa(files.ca) }
        : { token: undefined, ...held.endpoint };
    const { token, ...endpoint } = proof;
    const addresses = held === undefined ? enrolment.address : config.broker.address;
    const { serverName } = config.broker;
    try {
      const chain = await askInTurn(addresses, { random, signal }, (address) =>
        options.certify({
          endpoint: { ...endpoint, address, ...(serverName === undefined ? {} : { serverName }) },
          token: token?.open() ?? new Uint8Array(0),
          request: makeCertificateRequest(key),
          timeoutMs,
          signal,
        }),
      );
      requireOwn(chain, key);
      await writeFileAtomically({ path: files.certificate, data: chain, mode: 0o600 });
    } finally {
      token?.wipe();
    }
    log.info(held === undefined ? 'this node is enrolled' : 'this node has a newer certificate');
    options.onCertified();
  };

  const untilAsked = async (signal: AbortSignal) => {
    const backoff = createBackoff({ ...pauses, random });
    for (;;) {
      const held = await current();
      try {
        await ask(held, signal);
        return;
      } catch (error) {
        const { code } = LeaseholdError.from(error);
        if (code === 'config_invalid' || signal.aborted) throw error;
        log.error('this node was not given a certificate, it goes on asking', { code }, error);
      }
      await clock.sleep(backoff.next(), signal);
    }
  };

  const keepUntil = async (signal: AbortSignal): Promise<void> => {
    const share = renewedAt.earliest + random() * (renewedAt.latest - renewedAt.earliest);
    for (;;) {
      const held = await current();
      const dueAt = held === undefined ? 0 : held.issuedAt + (held.expiresAt - held.issuedAt) * share;
      const left = dueAt - clock.now();
      if (left <= 0) await untilAsked(signal);
      const pause = left <= 0 ? leastBetweenMs : Math.min(left, longestSleepMs);
      await clock.sleep(pause, signal);
    }
  };

  const stopping = new AbortController();
  const { signal } = stopping;
  const keeping = (async () => {
    const pause = createBackoff({ ...pauses, random });
    while (!signal.aborted) {
      // Files that a person has to put right. Until then hooks are answered all the same, and running jobs keep what they have.
      await keepUntil(signal).catch((error: unknown) => {
        if (!hasCode(error, 'cancelled'))
          log.error('the certificate of this node cannot be kept up to date', {}, error);
      });
      await clock.sleep(pause.next(), signal).catch(() => undefined);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await keeping;
    },
  };
}

/**
 * The key stays when there is one: it is written before it is shown to anybody, so that after a lost answer, or a crash, the same key asks again,
 * and a renewal replaces one file and not two.
 */
async function ownKey(path: string): Promise<KeyObject> {
  const found = await orMissing(lstat(path));
  if (found !== undefined) {
    if (!found.isFile() || (found.mode & 0o077) !== 0)
      throw new LeaseholdError('config_invalid', { detail: 'the key is no file, or open to other users' });
    const key = parseKey(await readFile(path));
    if (key?.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
      throw new LeaseholdError('config_invalid', {
        detail: 'the key is no P-256 key, as enrolment makes it',
      });
    return key;
  }
  await ensureOwnFolder(dirname(path), 0o700);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const data = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFileAtomically({ path, data, mode: 0o600 });
  return privateKey;
}

function parseKey(pem: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** What is not this key's would leave the node with a pair that fits nowhere. */
function requireOwn(chain: Buffer, key: KeyObject): void {
  try {
    if (new X509Certificate(chain).checkPrivateKey(key)) return;
  } catch {
    // Said below.
  }
  throw new LeaseholdError('internal', { detail: 'the broker answered with no certificate of this key' });
}
