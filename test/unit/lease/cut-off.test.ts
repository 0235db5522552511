import { describe, expect, it } from 'vitest';
import { createCutOff } from '../../../src/lease/cut-off.ts';

const other = (count: number, id = 'rep_b') => ({ id, answers: { backend: count } });

/** So many looks at which this one has no answer, with what others publish at each. */
function missing(looks: number, others: (look: number) => readonly ReturnType<typeof other>[]) {
  const cutOff = createCutOff();
  cutOff.note('backend', true);
  cutOff.look([other(100)]);
  for (let look = 1; look <= looks; look += 1) {
    cutOff.note('backend', false);
    cutOff.look(others(look));
  }
  return cutOff;
}

describe('a replica that something has stopped answering', () => {
  it.each([
    ['nobody else is there', 50, () => []],
    ['it answers nobody', 50, () => [other(100)]],
    [
      'what others had from it before is published after',
      50,
      (look: number) => [other(100 + Math.min(look, 3))],
    ],
    ['the others are of an older version', 50, () => [{ id: 'rep_b', answers: {} as { backend: number } }]],
    ['it was silent for a moment', 4, (look: number) => [other(100 + look)]],
    ['it has stopped answering the others later', 50, (look: number) => [other(100 + Math.min(look, 10))]],
    ['the one that it answers is gone', 50, (look: number) => (look < 20 ? [other(100 + look)] : [])],
    [
      'the one that it answers begins another life now and then',
      50,
      (look: number) => [other(look % 3, `rep_${Math.trunc(look / 3)}`)],
    ],
  ])('is not cut off when %s', (_when, looks, others) => {
    expect(missing(looks, others).isCutOffFrom('backend')).toBe(false);
  });

  it.each([
    ['another one still has its answers', (look: number) => [other(100 + look)]],
    ['one of several has', (look: number) => [other(100, 'rep_c'), other(100 + look)]],
    ['the other has one at every other look', (look: number) => [other(100 + Math.trunc(look / 2))]],
  ])('is cut off when %s', (_when, others) => {
    expect(missing(12, others).isCutOffFrom('backend')).toBe(true);
  });

  it('is not cut off any more with the first answer, nor from anything else', () => {
    const cutOff = missing(12, (look) => [other(100 + look)]);
    expect(cutOff.isCutOffFrom('cluster/one')).toBe(false);
    cutOff.note('backend', true);
    expect(cutOff.isCutOffFrom('backend')).toBe(false);
    cutOff.note('backend', false);
    cutOff.look([other(200)]);
    expect(cutOff.isCutOffFrom('backend')).toBe(false);
  });

  it('publishes how many it had', () => {
    const cutOff = missing(3, () => []);
    cutOff.note('backend', true);
    expect(cutOff.answers()).toEqual({ backend: 2 });
  });
});
