import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';

/** One way out. */
export interface Sink {
  write(text: string): void;
  readonly isTerminal: boolean;
}

/** Data goes to `out`, words go to `err`; nothing else in this folder writes. */
export interface Stdio {
  readonly out: Sink;
  readonly err: Sink;
  /** True when somebody can be asked: standard input and standard error are terminals. */
  readonly canAsk: boolean;
  /** Prints the question on `err`; resolves with the line, or with undefined at end of input or when the signal aborts. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
}

/** What is needed of process.stdin, process.stdout and process.stderr. */
export interface ProcessStreams {
  readonly stdin: NodeJS.ReadStream & { readonly fd: number };
  readonly stdout: NodeJS.WriteStream & { readonly fd: number };
  readonly stderr: NodeJS.WriteStream & { readonly fd: number };
}

function sinkOf(stream: ProcessStreams['stdout']): Sink {
  let open = true;
  // A reader that has seen enough (`leasehold session list | head`) is no failure of ours.
  stream.on('error', () => {
    open = false;
  });
  return {
    isTerminal: isatty(stream.fd),
    write: (text) => {
      if (open) stream.write(text);
    },
  };
}

export function createStdio(streams: ProcessStreams): Stdio {
  const err = sinkOf(streams.stderr);
  return {
    out: sinkOf(streams.stdout),
    err,
    canAsk: isatty(streams.stdin.fd) && err.isTerminal,
    ask: async (question, signal) => {
      const lines = createInterface({ input: streams.stdin, output: streams.stderr });
      const closed = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
      try {
        return await Promise.race([lines.question(question, { signal }), closed]);
      } catch {
        return undefined;
      } finally {
        lines.close();
      }
    },
  };
}
