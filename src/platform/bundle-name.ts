/** Name of a bundle: 1 to 63 of a-z, 0-9, `.`, `_` and `-`, first and last a letter or digit. */
export const bundleName = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
