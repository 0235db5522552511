import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { valueAt } from './json.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';
import { createTempFolder } from './temp-folder.ts';
import { waitUntilReady } from './wait-until-ready.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'LIST';

/** What Vault answered: its status and parsed body (undefined for an empty one). */
export interface VaultReply {
  readonly status: number;
  readonly body: unknown;
}

/** A Vault (or OpenBao) of one test or demo: unsealed, in memory, with a known root token. */
export interface OwnVault extends AsyncDisposable {
  readonly address: string;
  readonly rootToken: string;
  readonly process: OwnedProcess;
  /** What it writes to its standard output, the unseal key among it. */
  readonly logFile: string;
  /** One API call, path without `/v1/`; resolves with any status. The root token is used unless another is named. */
  request(method: HttpMethod, path: string, body?: unknown, token?: string): Promise<VaultReply>;
  /** The same, but throws with Vault's own error texts unless the status is 2xx; resolves with the body. */
  call(method: HttpMethod, path: string, body?: unknown, token?: string): Promise<unknown>;
  /** Whether it can be worked with: the KV engine upgrades itself for a moment after the server answers. */
  readonly isServing: () => Promise<boolean>;
  stop(): Promise<void>;
}

const REQUEST_DEADLINE_MS = 60_000;

const send = async (url: string, method: HttpMethod, token: string, body: unknown): Promise<VaultReply> => {
  const response = await fetch(url, {
    method,
    headers: { 'X-Vault-Token': token, 'X-Vault-Request': 'true' },
    signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed: unknown = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, body: parsed };
};

/** Starts a development-mode server: KV version 2 is already mounted at `secret/`. */
export const startDevelopmentVault = async (options: {
  /** `vault`, or another program with the same commands, such as `bao`. */
  readonly program: string;
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  /** Further configuration, in HCL. */
  readonly configuration?: string;
}): Promise<OwnVault> => {
  const folder = await createTempFolder({ name: 'vault' });
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const rootToken = `root-${randomUUID()}`;
  const logFile = join(folder.path, 'vault.log');
  const configFile = join(folder.path, 'vault.hcl');
  if (options.configuration !== undefined) await writeFile(configFile, options.configuration);
  const owned = await startProcess({
    name: 'vault',
    command: options.program,
    args: [
      'server',
      '-dev',
      '-dev-no-store-token',
      `-dev-root-token-id=${rootToken}`,
      `-dev-listen-address=127.0.0.1:${port}`,
      `-log-level=${options.logLevel ?? 'warn'}`,
      ...(options.configuration === undefined ? [] : [`-config=${configFile}`]),
    ],
    cwd: folder.path,
    logFile,
    // Containers often may not lock memory, and nothing here is worth locking.
    env: { VAULT_DISABLE_MLOCK: '1', BAO_DISABLE_MLOCK: '1' },
  });
  const stop = async () => {
    await owned.stop();
    await folder.remove();
  };
  const request: OwnVault['request'] = (method, path, body, token = rootToken) =>
    send(`${address}/v1/${path}`, method, token, body);
  const call: OwnVault['call'] = async (method, path, body, token) => {
    const reply = await request(method, path, body, token);
    if (reply.status >= 200 && reply.status < 300) return reply.body;
    const reasons = JSON.stringify(valueAt(reply.body, 'errors') ?? null);
    throw new Error(`vault answered ${reply.status} to ${method} ${path}: ${reasons}`);
  };
  const isServing = async () =>
    (await request('GET', 'sys/health')).status === 200 &&
    (await request('GET', 'secret/config')).status === 200;
  try {
    await waitUntilReady({ process: owned, ready: isServing });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    rootToken,
    process: owned,
    logFile,
    request,
    call,
    isServing,
    stop,
    [Symbol.asyncDispose]: stop,
  };
};
