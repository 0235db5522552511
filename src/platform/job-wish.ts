import { bundleName } from './bundle-name.ts';

/** Names in one wish. */
export const mostRequested = 32;

/**
 * Bundles that a job's user asks for: `db,key` as a SPANK option, or one word `leasehold=db,key` of the comment. What is no name of a bundle is no
 * wish.
 */
export function readJobWish(spank: string, comment: string): readonly string[] {
  const word = /(?:^|\s)leasehold=(\S{1,2100})/.exec(comment)?.[1] ?? '';
  const names = `${spank.slice(0, 2_100)},${word}`.split(',').filter((name) => bundleName.test(name));
  return [...new Set(names)].slice(0, mostRequested);
}
