import { LeaseholdError } from '../../platform/error.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const bracketed = /^[0-9A-Fa-f:.]{2,45}$/;

/** `host:port` or `[ipv6]:port`; port 0, which means any, only where a server listens. Throws `config_invalid`; the text itself is never repeated. */
export function parseHostPort(
  text: string,
  { minPort }: { readonly minPort: 0 | 1 } = { minPort: 1 },
): HostPort {
  const colon = text.lastIndexOf(':');
  const portText = text.slice(colon + 1);
  const hostText = text.slice(0, Math.max(0, colon));
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : -1;
  if (port < minPort || port > 65_535) throw invalid('the port is missing or not between 1 and 65535');
  if (hostText.startsWith('[') && hostText.endsWith(']')) {
    const host = hostText.slice(1, -1);
    if (bracketed.test(host) && host.includes(':')) return { host, port };
  } else if (hostName.test(hostText)) {
    return { host: hostText, port };
  }
  throw invalid('the host is neither a name, an IPv4 address nor an IPv6 address in brackets');
}

function invalid(rule: string): LeaseholdError {
  return new LeaseholdError('config_invalid', { detail: rule });
}
