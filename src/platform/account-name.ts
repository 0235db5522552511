/**
 * Name of a user or group as a directory may have it: `DOMAIN\user`, `domain users`, `名前`. Anything printable but the `:` that separates the fields of
 * passwd(5) and group(5), with no blank at either end.
 */
export const accountName = /^(?! )[^:\p{C}\p{Zl}\p{Zp}]{1,255}(?<! )$/u;
