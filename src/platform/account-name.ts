/**
 * Name of a user or group as a directory may have it: `DOMAIN\user`, `domain users`, `名前`. Anything printable but the `:` that separates the fields of
 * passwd(5) and group(5), with no blank at either end.
 */
export const accountName = /^(?! )[^:\p{C}\p{Zl}\p{Zp}]{1,255}(?<! )$/u;

/**
 * Slurm's uid_to_string and gid_to_string give `nobody`, or the number, for an id that the directory did not find. Taken for a name it would escape
 * every lock and every deny that names its user.
 */
export function lookedUpName(name: string, id: number): string | undefined {
  const isNobody = id === 65_534 || id === 99;
  return (name === 'nobody' && !isNobody) || name === String(id) ? undefined : name;
}
