/**
 * Slurm's own name of a run (from 25.11 on): `s` and 13 signs of base 32, the cluster first and then the time, so that of two of one cluster the later
 * one is greater. A run keeps it unless it is resized: Slurm gives it a later one then. So one that is earlier is of an earlier run, and
 * one that is later may be of the same.
 */
export const sluidPattern = /^[A-Za-z0-9]{1,64}$/;

/** Undefined where there is none. Slurm has a zero for what began before it gave them. */
export function readSluid(text: string): string | undefined {
  return /^(?:s?0*)$/.test(text) ? undefined : text;
}

/** False where one of them is not known. */
export function isOtherSluid(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

/** Likewise. */
export function isEarlierSluid(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one < other;
}
