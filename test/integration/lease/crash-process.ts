import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { MemoryBackend } from '../../../src/backend/memory/memory-backend.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import type { Command, FromChild, HolderEvent, KnownSession, ToChild } from './crash-messages.ts';
import { answerCall } from './remote-backend.ts';

/** One life of the engine. */
export interface CrashProcess extends AsyncDisposable {
  /** Rejects with the code of a refusal; never settles when the process stands still or is killed. */
  command(command: Exclude<Command, { kind: 'sessions' }>): Promise<void>;
  sessions(): Promise<readonly KnownSession[]>;
  /** Resolves when the process stands still at the step that it was armed for. */
  readonly stopped: Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export function startCrashProcess(options: {
  /** What answers the child's calls, unless it has a Vault to connect to. */
  readonly backend: MemoryBackend | undefined;
  readonly onEvent: (holder: string, event: HolderEvent) => void;
}): CrashProcess {
  const child: ChildProcess = fork(join(import.meta.dirname, 'crash-child.ts'), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  // With the channel's end all that it has asked for is heard.
  const exited = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const stopped = Promise.withResolvers<undefined>();
  let lastId = 0;

  const send = (message: ToChild) => {
    // It may have been killed meanwhile, and then nobody waits for the answer.
    if (child.connected) child.send(message, () => undefined);
  };
  const run = (command: Command): Promise<unknown> => {
    lastId += 1;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(lastId, answer);
    send({ to: 'command', id: lastId, command });
    return answer.promise;
  };
  child.stdout?.on('data', () => stopped.resolve(undefined));
  child.on('message', (message: FromChild) => {
    switch (message.from) {
      case 'holder':
        options.onEvent(message.holder, message.event);
        return;
      case 'done': {
        const answer = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.code === undefined) answer?.resolve(message.value);
        else answer?.reject(new Error(message.code));
        return;
      }
      case 'backend': {
        const { id, call } = message;
        if (options.backend === undefined) throw new Error('the backend is not here');
        answerCall(options.backend, call).then(
          (value) => send({ to: 'reply', id, value, code: undefined }),
          (error: unknown) =>
            send({ to: 'reply', id, value: undefined, code: LeaseholdError.from(error).code }),
        );
        return;
      }
    }
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  return {
    command: async (command) => {
      await run(command);
    },
    // The child answers this command with exactly that.
    sessions: async () => (await run({ kind: 'sessions' })) as readonly KnownSession[],
    stopped: stopped.promise,
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
