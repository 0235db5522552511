import { accountName } from '../platform/account-name.ts';

/** What a text of a policy or a selector must be, and how that is said to whoever wrote it. */
export interface TextRule {
  readonly holds: (text: string) => boolean;
  readonly rule: string;
}

/**
 * Names of clusters, namespaces, service accounts, pods, nodes and bundles, and label values. Other glob signs than `*` are refused
 * because here they would stand for themselves and match nothing.
 */
export const namePattern: TextRule = {
  holds: (text) => /^[A-Za-z0-9._*-]{1,253}$/.test(text),
  rule: 'must be 1 to 253 letters, digits, ., _, - and *, where * stands for any characters',
};

/** Users and groups, whose names a directory may make of almost anything. */
export const accountPattern: TextRule = {
  holds: (text) => accountName.test(text),
  rule: 'must be 1 to 255 printable characters other than :, no blank first or last, where * stands for any characters',
};

export const imageDigest: TextRule = {
  holds: (text) => /^sha256:[0-9a-f]{64}$/.test(text),
  rule: 'must be sha256: and 64 of 0-9 and a-f, without patterns',
};
