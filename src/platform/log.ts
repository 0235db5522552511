import pino from 'pino';
import { LeaseholdError } from './error.ts';
import { currentTrace } from './trace.ts';

/** Facts of a log line. Values that could hold a secret have no type here on purpose. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | null | undefined | readonly string[]>
>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** Messages are constant text, facts go into fields, an error goes through the allow-list below. */
export interface Log {
  debug(message: string, fields?: LogFields, error?: unknown): void;
  info(message: string, fields?: LogFields, error?: unknown): void;
  warn(message: string, fields?: LogFields, error?: unknown): void;
  error(message: string, fields?: LogFields, error?: unknown): void;
  child(fields: LogFields): Log;
}

/**
 * The only way an error reaches a log. Third-party errors carry request bodies, headers and claim sets in enumerable
 * properties and in their messages (node-vault, client-node, jose), so of those only the name and a short code pass.
 */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (error instanceof LeaseholdError) {
    return {
      code: error.code,
      ...(error.detail === undefined ? {} : { detail: error.detail }),
      ...(error.cause === undefined || depth > 3 ? {} : { cause: describeError(error.cause, depth + 1) }),
    };
  }
  if (!(error instanceof Error)) return { name: typeof error };
  const code = 'code' in error ? error.code : undefined;
  return {
    name: error.name,
    ...(typeof code === 'number' || (typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code))
      ? { code }
      : {}),
    // Frames name functions and files; the first line, which holds the message, is dropped.
    stack: (error.stack ?? '')
      .split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 6)
      .map((line) => line.trim()),
  };
}

/** JSON lines on standard error. */
export function createLog(options: {
  readonly level: LogLevel;
  readonly name: string;
  readonly destination?: { write(line: string): void };
}): Log {
  const root = pino(
    {
      level: options.level,
      base: { part: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: () => {
        const trace = currentTrace();
        return trace === undefined ? {} : { trace };
      },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
  return wrap(root);
}

function wrap(logger: pino.Logger): Log {
  const write = (level: LogLevel) => (message: string, fields?: LogFields, error?: unknown) => {
    logger[level](error === undefined ? { ...fields } : { ...fields, error: describeError(error) }, message);
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(logger.child({ ...fields })),
  };
}

/** For code that is used without a log. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
