import { stat } from 'node:fs/promises';
import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError, hasCode } from '../../platform/error.ts';
import type { Log } from '../../platform/log.ts';
import type { Secret } from '../../platform/secret.ts';
import type { LoggedIn } from './login-request.ts';
import { logIn, lookUpSelf, renewSelf } from './login-request.ts';
import type { VaultClient } from './vault-client.ts';
import type { VaultAuth } from './vault-config.ts';

/**
 * logged_out: no token yet, or it was refused; the next caller logs in, not before `retryAt`.
 * logging_in: one login is under way and everybody waits for it.
 * logged_in:  there is a token; it is renewed at about two thirds of its ttl, and replaced by a new login when renewing
 *             fails, when it cannot be renewed or nears its maximum, when its file has changed, or when the backend no
 *             longer knows it.
 */
export type LoginState =
  | { readonly state: 'logged_out'; readonly retryAfterMs: number }
  | { readonly state: 'logging_in' }
  | { readonly state: 'logged_in'; readonly expiresInMs: number | undefined };

/** The broker's own token: one login at a time, kept alive. */
export interface VaultLogin {
  /** The token to use now; logs in first where there is none. */
  token(options: { readonly signal: AbortSignal }): Promise<Secret>;
  /**
   * To be asked after a 403. True when the backend confirms that the token itself is dead (then the next `token()` is
   * another one); false when the token is good and the request is simply not allowed.
   */
  isDead(token: Secret, options: { readonly signal: AbortSignal }): Promise<boolean>;
  state(): LoginState;
  close(): void;
}

/** Between two looks at whether the token file has changed. */
const fileLookMs = 2000;
const firstBackoffMs = 500;
const longestBackoffMs = 30_000;

interface Held extends LoggedIn {
  readonly originalTtlSeconds: number;
  /** Monotonic; undefined: does not expire. */
  expiresAt: number | undefined;
  cancelRenewal: () => void;
}

/** See `VaultLogin`. */
export function createVaultLogin(options: {
  readonly client: VaultClient;
  readonly auth: VaultAuth;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}): VaultLogin {
  const { client, auth, clock, log, random } = options;
  const closing = new AbortController();
  let held: Held | undefined;
  let underWay: Promise<Held> | undefined;
  let failures = 0;
  let lastFailure: LeaseholdError | undefined;
  let retryAt = 0;
  let fileMark = '';
  let fileLookedAt = -Infinity;

  const drop = () => {
    held?.cancelRenewal();
    held = undefined;
  };

  const markFile = async () => {
    if (auth.kind !== 'token') return '';
    fileLookedAt = clock.monotonic();
    const found = await stat(auth.tokenFile).catch(() => undefined);
    return found === undefined ? '' : `${found.ino}:${found.size}:${found.mtimeMs}`;
  };
  const fileHasChanged = async () => {
    if (auth.kind !== 'token' || clock.monotonic() - fileLookedAt < fileLookMs) return false;
    const mark = await markFile();
    // A file that is gone says nothing about the token that was in it.
    return mark !== '' && mark !== fileMark;
  };

  const expiry = (ttlSeconds: number) =>
    ttlSeconds === 0 ? undefined : clock.monotonic() + ttlSeconds * 1000;

  const schedule = (token: Held, ttlSeconds: number) => {
    if (ttlSeconds === 0) return;
    const dueMs = ttlSeconds * 1000 * (0.6 + random() * 0.1);
    token.cancelRenewal = clock.after(dueMs, () => void refresh(token));
  };

  const logInOnce = async (): Promise<Held> => {
    const mark = await markFile();
    const found = await logIn({ client, auth, signal: closing.signal });
    drop();
    const token: Held = {
      ...found,
      originalTtlSeconds: found.ttlSeconds,
      expiresAt: expiry(found.ttlSeconds),
      cancelRenewal: () => undefined,
    };
    fileMark = mark;
    held = token;
    schedule(token, found.ttlSeconds);
    log.info('logged in to the secret backend', {
      method: auth.kind,
      ttlSeconds: found.ttlSeconds,
      renewable: found.renewable,
    });
    return token;
  };

  const startLogin = (): Promise<Held> => {
    underWay ??= logInOnce()
      .then(
        (token) => {
          failures = 0;
          return token;
        },
        (error: unknown) => {
          const failure = LeaseholdError.from(error);
          failures += 1;
          const backoff = Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1));
          retryAt = clock.monotonic() + backoff * (0.5 + random() / 2);
          lastFailure = failure;
          if (failure.code !== 'cancelled')
            log.warn('login to the secret backend failed', { method: auth.kind, failures }, failure);
          throw failure;
        },
      )
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };

  const isCurrent = (token: Held) => held === token && !closing.signal.aborted;

  /** By timer. Never throws: what fails here is tried again, or by the next caller. */
  const refresh = async (token: Held): Promise<void> => {
    if (!isCurrent(token)) return;
    try {
      if (await fileHasChanged()) {
        await startLogin();
        return;
      }
      if (token.renewable) {
        const ttlSeconds = await renewSelf({ client, token: token.token, signal: closing.signal });
        token.expiresAt = expiry(ttlSeconds);
        // Near its maximum a token gets less than it had. A token from a file cannot be replaced from here.
        if (ttlSeconds >= token.originalTtlSeconds / 2 || auth.kind === 'token') {
          schedule(token, ttlSeconds);
          return;
        }
      } else if (auth.kind === 'token') {
        log.warn("the broker's token cannot be renewed and ends soon", { method: auth.kind });
        return;
      }
      await startLogin();
    } catch (error) {
      if (!isCurrent(token)) return;
      log.warn("the broker's token could not be renewed", { method: auth.kind }, error);
      if (hasCode(error, 'backend_denied')) drop();
      else {
        // Again after a third of what is left, so that several tries fit in.
        const leftMs = Math.max(0, (token.expiresAt ?? 0) - clock.monotonic());
        token.cancelRenewal = clock.after(Math.max(1000, leftMs / 3), () => void refresh(token));
      }
    }
  };

  const current = async (): Promise<Held> => {
    if (closing.signal.aborted) throw new LeaseholdError('shutting_down');
    if (underWay !== undefined) return underWay;
    if (held?.expiresAt !== undefined && held.expiresAt <= clock.monotonic()) drop();
    if (held !== undefined && !(await fileHasChanged())) return held;
    const waitMs = retryAt - clock.monotonic();
    if (failures > 0 && waitMs > 0 && lastFailure !== undefined) {
      // A changed file that does not work (half written, say) leaves the old token in use.
      if (held !== undefined) return held;
      throw new LeaseholdError(lastFailure.code, {
        detail: 'login failed a moment ago',
        retryAfterMs: Math.ceil(waitMs),
        cause: lastFailure,
      });
    }
    const before = held;
    return startLogin().catch((error: unknown) => {
      if (before !== undefined && held === before) return before;
      throw error;
    });
  };

  return {
    token: async ({ signal }) => (await untilAborted(current(), signal)).token,
    isDead: async (token, { signal }) => {
      if (held?.token !== token) return true;
      try {
        await lookUpSelf({ client, token, signal });
        return false;
      } catch (error) {
        if (!hasCode(error, 'backend_denied')) throw error;
        if (held.token === token) drop();
        return true;
      }
    },
    state: () => {
      if (underWay !== undefined) return { state: 'logging_in' };
      if (held === undefined)
        return { state: 'logged_out', retryAfterMs: Math.max(0, retryAt - clock.monotonic()) };
      return {
        state: 'logged_in',
        expiresInMs: held.expiresAt === undefined ? undefined : held.expiresAt - clock.monotonic(),
      };
    },
    close: () => {
      closing.abort();
      drop();
    },
  };
}

/** The shared login goes on when one of those who wait for it leaves. */
async function untilAborted<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw new LeaseholdError('cancelled');
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new LeaseholdError('cancelled'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([shared, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
