import { LeaseholdError } from '../src/platform/error.ts';
import type { LogLevel } from '../src/platform/log.ts';
import { parseHostPort, type HostPort } from '../src/rpc/client/host-port.ts';
import { broken, list, mapping, oneOf, optional, text, type ReadValue } from './checked-value.ts';

/** What the configurations of all holders have in common. */
export interface BrokerConfig {
  readonly address: readonly string[];
  readonly ca: string;
  readonly serverName: string | undefined;
}

export const absolutePath = text(
  /^(\/(?!\.{1,2}(\/|$))[^/\p{Cc}]+)+$/u,
  'must be an absolute path without . and .. segments, and not the root',
);

const address: ReadValue<string> = (value, path) => {
  if (typeof value !== 'string') throw broken(path, 'must be host:port');
  hostPort(value, path);
  return value;
};

export const addresses: ReadValue<readonly string[]> = (value, path) =>
  Array.isArray(value) ? list(address, { min: 1, max: 16 })(value, path) : [address(value, path)];

export function hostPort(value: string, path: string, limits?: { readonly minPort: 0 }): HostPort {
  try {
    return parseHostPort(value, limits);
  } catch (error) {
    throw broken(path, LeaseholdError.from(error).detail ?? 'must be host:port');
  }
}

export const brokerConfig = mapping<BrokerConfig>({
  address: addresses,
  ca: absolutePath,
  serverName: optional(text(/^[A-Za-z0-9.-]{1,253}$/, 'must be a host name')),
});

export const logConfig: ReadValue<{ readonly level: LogLevel }> = optional(
  mapping<{ readonly level: LogLevel }>({ level: oneOf(['debug', 'info', 'warn', 'error'] as const) }),
  { level: 'info' },
);
