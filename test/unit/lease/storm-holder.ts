import type { Attachment, HolderMessage } from '../../../src/lease/sessions.ts';
import { randomId } from '../../../src/platform/random-id.ts';
import type { Verified } from '../../../src/identity/identity.ts';
import type { World } from './world.ts';

const signal = new AbortController().signal;

interface Files {
  readonly session: string;
  readonly generation: string;
  readonly login: { readonly username: string; readonly password: string } | undefined;
}

/** A holder as a sidecar is one: its files outlive its streams. Notes what no broker may do to it. */
export interface StormHolder {
  readonly files: ReadonlyMap<string, Files>;
  readonly complaints: readonly string[];
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Sees to what came in since: acknowledges, asks again. */
  tend(): void;
  prove(): void;
  release(bundle: string): void;
  loseFiles(): void;
  setSilent(silent: boolean): void;
}

export function createStormHolder(options: {
  readonly world: World;
  readonly verified: Verified;
  readonly bundles: readonly string[];
  /** True when there is a record of this delivery. */
  readonly isRecorded: (session: string, generation: string, holder: string) => boolean;
}): StormHolder {
  const { world, verified, bundles } = options;
  const files = new Map<string, Files>();
  const wanted = new Set(bundles);
  const complaints: string[] = [];
  const bundleOf = new Map<string, string>();
  const pending: (() => Promise<void>)[] = [];
  let stream: { readonly attachment: Attachment; isOver: boolean } | undefined;
  let isSilent = false;
  let queue: Promise<void> = Promise.resolve();

  const secretOf = (message: Extract<HolderMessage, { kind: 'generation' }>) => {
    const fields = message.secrets.find(({ name }) => name === 'login')?.fields;
    if (fields === undefined) return undefined;
    const text = (name: string) => Buffer.from(fields.get(name)?.open() ?? []).toString();
    return { username: text('username'), password: text('password') };
  };

  const take = (own: { isOver: boolean; readonly gone: Set<string> }, message: HolderMessage): void => {
    if (own.isOver) {
      complaints.push(`${message.kind} after the stream was over`);
      return;
    }
    switch (message.kind) {
      case 'opened':
        own.gone.delete(message.session);
        bundleOf.set(message.session, message.bundle.name);
        return;
      case 'generation': {
        const bundle = bundleOf.get(message.session) ?? '';
        const generation = message.generation.id;
        if (own.gone.has(message.session)) complaints.push('a generation after the revocation');
        if (!options.isRecorded(message.session, generation, verified.holder))
          complaints.push('a generation without a record');
        const before = files.get(bundle);
        const login = secretOf(message) ?? before?.login;
        if (login?.username === '') complaints.push('empty values');
        files.set(bundle, { session: message.session, generation, login });
        pending.push(async () => {
          if (!isSilent) await stream?.attachment.delivered({ session: message.session, generation });
        });
        return;
      }
      case 'revoked': {
        own.gone.add(message.session);
        const bundle = bundleOf.get(message.session) ?? '';
        if (files.get(bundle)?.session === message.session) files.delete(bundle);
        wanted.add(bundle);
        return;
      }
      case 'refused':
        wanted.add(message.bundle);
        return;
      case 'credential_wanted':
        pending.push(async () => stream?.attachment.refresh(verified));
        return;
      case 'taken_over':
        own.isOver = true;
        return;
      default:
        return;
    }
  };

  /** In turn, as a stream's messages are; not waited for, since an answer may need time to pass. */
  const attempt = (task: () => Promise<void>): void => {
    // Only what ends the stream is thrown.
    queue = queue.then(task).catch(() => disconnect());
  };
  const disconnect = async () => {
    const old = stream;
    stream = undefined;
    if (old === undefined) return;
    old.isOver = true;
    // Not waited for: it comes after an open that may need time to pass.
    void old.attachment.detach();
  };

  return {
    files,
    complaints,
    connect: async () => {
      const own: { attachment: Attachment | undefined; isOver: boolean; readonly gone: Set<string> } = {
        attachment: undefined,
        isOver: false,
        gone: new Set(),
      };
      try {
        const attachment = await world
          .engine()
          .sessions.attach({ verified, mayOpen: true, send: (message) => take(own, message) });
        stream = Object.assign(own, { attachment });
        for (const bundle of bundles) wanted.add(bundle);
      } catch {
        // Tried again when the storm says so.
      }
    },
    disconnect,
    tend: () => {
      for (const task of pending.splice(0)) attempt(task);
      const { attachment } = stream ?? {};
      if (attachment === undefined) return;
      for (const bundle of [...wanted]) {
        wanted.delete(bundle);
        const resume = files.get(bundle);
        // Not waited for: opens of one holder run side by side, and the storm goes on meanwhile.
        void attachment.open({ bundle, requestKey: randomId('req_'), resume }, { signal });
      }
    },
    prove: () => attempt(async () => stream?.attachment.refresh(verified)),
    release: (bundle) =>
      attempt(async () => {
        const session = files.get(bundle)?.session;
        if (session !== undefined) await stream?.attachment.release({ session });
      }),
    loseFiles: () => files.clear(),
    setSilent: (silent) => void (isSilent = silent),
  };
}
