import type { OptionSpecs, OptionValues } from './spec.ts';

const group = 'Connection';

/** Where the broker's admin listener is and how to prove oneself there. */
export const connectionOptions = {
  broker: { kind: 'text', group, value: 'HOST:PORT', help: "the broker's admin listener (LEASEHOLD_BROKER)" },
  ca: { kind: 'text', group, value: 'FILE', help: "CA of the broker's certificate, PEM (LEASEHOLD_CA)" },
  cert: { kind: 'text', group, value: 'FILE', help: 'your client certificate, PEM (LEASEHOLD_CERT)' },
  key: { kind: 'text', group, value: 'FILE', help: 'its private key, PEM (LEASEHOLD_KEY)' },
  serverName: {
    kind: 'text',
    group,
    value: 'NAME',
    help: "name in the broker's certificate, where it is not HOST (LEASEHOLD_SERVER_NAME)",
  },
} as const satisfies OptionSpecs;

export type ConnectionValues = OptionValues<typeof connectionOptions>;

export const connectionKeys = ['broker', 'ca', 'cert', 'key', 'serverName'] as const;

export type ConnectionKey = (typeof connectionKeys)[number];

export function environmentName(key: ConnectionKey): string {
  return `LEASEHOLD_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
