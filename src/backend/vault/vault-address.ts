import { LeaseholdError } from '../../platform/error.ts';

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * The origin to talk to. Throws `config_invalid` for anything but `https://host[:port]`; `http` only for loopback
 * addresses, because every request carries a token.
 */
export function parseVaultAddress(address: string): URL {
  const refuse = (rule: string) =>
    new LeaseholdError('config_invalid', { detail: `backend.vault.address ${rule}` });
  const url = URL.parse(address);
  if (url === null) throw refuse('is not a URL');
  if (
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== '' ||
    url.pathname !== '/'
  )
    throw refuse('must be an origin: scheme, host and port');
  if (url.protocol === 'https:') return url;
  if (url.protocol === 'http:' && loopback.test(url.hostname)) return url;
  throw refuse('must use https');
}

/**
 * A backend path for the request line, each segment encoded. Throws `request_invalid` for empty, `.` and `..` segments:
 * URL parsing would fold them, and the request would go to another path than the one that was authorised.
 */
export function encodeVaultPath(path: string): string {
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw new LeaseholdError('request_invalid', {
      detail: 'backend path with an empty, "." or ".." segment',
    });
  return segments.map(encodeURIComponent).join('/');
}
