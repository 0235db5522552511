import { isIP } from 'node:net';
import { resolve } from 'node:path';
import * as z from 'zod';

/** Where a listener binds. */
export interface ListenAddress {
  /** IP address without brackets, or `localhost`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** `host:port` as gRPC and people write it. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** No default host: whether the whole network may connect has to be said. */
export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:]+)):(0|[1-9][0-9]{0,4})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const isHost = bracketed === undefined ? isIP(host) === 4 || host === 'localhost' : isIP(host) === 6;
  const port = Number(digits);
  if (isHost && port <= 65_535) return { host, port };
  context.addIssue('must be an IP address and a port, for example 0.0.0.0:8443 or [::]:8443');
  return z.NEVER;
});

/** Absolute, or from the folder of the configuration file. */
export const filePath = (folder: string) =>
  z
    .string()
    .min(1)
    .max(4096)
    .refine((path) => !path.includes('\0'), { error: 'must have no NUL character' })
    .transform((path) => resolve(folder, path));

/** Visible text without white space, as issuers and audiences are. */
export const token = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[\x21-\x7e]+$/, { error: 'must be visible ASCII characters without spaces' });

/** Plain http to anywhere but this machine would show what passes to the network. */
export function brokenUrlRule(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return 'must be a URL';
  const isLoopback =
    url.hostname === '[::1]' || (isIP(url.hostname) === 4 && url.hostname.startsWith('127.'));
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback))
    return 'must be an https URL (http only for a loopback address)';
  if (url.username !== '' || url.password !== '') return 'must have no user and password';
  if (url.hash !== '') return 'must have no fragment';
  return undefined;
}

export function brokenOriginRule(text: string): string | undefined {
  const broken = brokenUrlRule(text);
  if (broken !== undefined) return broken;
  const url = new URL(text);
  return url.pathname === '/' && url.search === '' ? undefined : 'must have no path and no query';
}

export const ruledText = (brokenRule: (text: string) => string | undefined) =>
  z
    .string()
    .max(2048)
    .superRefine((text, context) => {
      const rule = brokenRule(text);
      if (rule !== undefined) context.addIssue(rule);
    });

export const whole = (min: number, max: number) => z.number().int().min(min).max(max);
