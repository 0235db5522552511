import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { createReloader, readStable } from '../platform/reload.ts';
import type { FileContents } from '../platform/reload.ts';
import type { Policy } from './grant.ts';
import { createPolicyCell } from './policy-cell.ts';
import { parsePolicy, policyRevision } from './policy-file.ts';
import type { PolicySource } from './policy-source.ts';

export interface PolicyStoreOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told about every new version after it came into force or was refused, for audit and metrics. */
  readonly onReload: (event: PolicyReload) => Promise<void> | void;
  /** Pause between two looks at the file. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/** `revision` is of the text that was read; empty when the file could not be read. */
export type PolicyReload =
  | { readonly ok: true; readonly revision: string; readonly error: undefined }
  | { readonly ok: false; readonly revision: string; readonly error: LeaseholdError };

export interface PolicyStore extends PolicySource, AsyncDisposable {
  /** Looks at the file now instead of at the next turn. */
  check(): Promise<void>;
}

const defaultIntervalMs = 2_000;
const maxBytes = 1_048_576;

/**
 * The policy of a file, followed as the file changes. A version that is invalid, unreadable or gone leaves the one before in force.
 * Throws `config_invalid` when the first one is not valid: a broker without a policy does not start.
 */
export async function createPolicyStore(options: PolicyStoreOptions): Promise<PolicyStore> {
  const { file, clock, log, intervalMs = defaultIntervalMs } = options;
  const reading = { files: [file], clock, maxBytes, signal: options.signal ?? new AbortController().signal };
  const initial = await readStable(reading);
  const cell = createPolicyCell({
    ...readPolicy(initial),
    onListenerError: (error) => log.error('a policy listener failed', {}, error),
  });

  const report = async (event: PolicyReload): Promise<void> => {
    try {
      await options.onReload(event);
    } catch (error) {
      log.error('a policy reload could not be reported', { revision: event.revision }, error);
    }
  };
  const refuse = async (revision: string, error: LeaseholdError): Promise<void> => {
    const rules = error.detail?.split('\n') ?? [];
    log.error('the new policy is refused, the one before stays in force', {
      revision,
      inForce: cell.revision,
      rules: rules.slice(0, 20),
    });
    await report({ ok: false, revision, error });
  };

  const reloader = createReloader({
    ...reading,
    log,
    intervalMs,
    initial,
    onChange: async (contents) => {
      try {
        const { policy, revision } = readPolicy(contents);
        if (revision !== cell.revision) cell.replace(policy, revision);
        log.info('policy in force', { revision, bundles: policy.bundles.size, grants: policy.grants.length });
        await report({ ok: true, revision, error: undefined });
      } catch (error) {
        await refuse(policyRevision(textOf(contents)), LeaseholdError.from(error));
      }
    },
    onUnreadable: (error) => refuse('', error),
  });

  return {
    decide: (identity, bundle) => cell.decide(identity, bundle),
    bundlesForRun: (identity, requested) => cell.bundlesForRun(identity, requested),
    runGrants: (cluster) => cell.runGrants(cluster),
    bundle: (name) => cell.bundle(name),
    bundles: () => cell.bundles(),
    subscribe: (listener) => cell.subscribe(listener),
    get revision() {
      return cell.revision;
    },
    check: () => reloader.check(),
    [Symbol.asyncDispose]: () => reloader[Symbol.asyncDispose](),
  };
}

function textOf(contents: FileContents): string {
  return contents[0]?.toString('utf8') ?? '';
}

function readPolicy(contents: FileContents): { readonly policy: Policy; readonly revision: string } {
  const text = textOf(contents);
  return { policy: parsePolicy(text), revision: policyRevision(text) };
}
