import { accountName } from '../platform/account-name.ts';

/** Names of clusters, namespaces, service accounts, pods, nodes and bundles, and label values, with `*` for any run of characters. */
export function isNamePattern(text: string): boolean {
  return /^[A-Za-z0-9._*-]{1,253}$/.test(text);
}

/** Other glob signs are refused because here they would stand for themselves and match nothing. */
export const namePatternRule =
  'must be 1 to 253 letters, digits, ., _, - and *, where * stands for any characters';

/** Users and groups, whose names a directory may make of almost anything. */
export function isAccountPattern(text: string): boolean {
  return accountName.test(text);
}

export const accountPatternRule =
  'must be 1 to 255 printable characters other than :, no blank first or last, where * stands for any characters';

export function isImageDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

export const imageDigestRule = 'must be sha256: and 64 of 0-9 and a-f, without patterns';
