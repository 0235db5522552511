import { isIPv4, isIPv6 } from 'node:net';

/**
 * The network that an address belongs to, as far as one stranger can choose its addresses: /24 of IPv4, /48 of IPv6. Anything else stands for
 * itself.
 */
export function peerNetwork(peer: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(peer)?.[1] ?? peer;
  if (isIPv4(mapped)) return `${mapped.slice(0, mapped.lastIndexOf('.'))}.0/24`;
  if (!isIPv6(peer)) return peer;
  const [address = ''] = peer.split('%');
  const [front = '', back] = address.toLowerCase().split('::');
  const groups = front === '' ? [] : front.split(':');
  const behind = back === undefined || back === '' ? [] : back.split(':');
  // A dotted end stands for two groups.
  const behindCount = behind.length + (behind.at(-1)?.includes('.') === true ? 1 : 0);
  if (back !== undefined) {
    while (groups.length + behindCount < 8) groups.push('0');
    groups.push(...behind);
  }
  const first = groups.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16));
  return `${first.join(':')}::/48`;
}
