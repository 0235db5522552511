import { describe, expect, it } from 'vitest';
import { createInterner, parsePod } from '../../../src/identity/pod-record.ts';
import { aPodObject, aRecord, digest } from './pods.ts';

const interner = createInterner({ maxEntries: 100 });
const parse = (changes?: Parameters<typeof aPodObject>[0]) => parsePod(aPodObject(changes), interner);
const image = (letter: string, name = 'app') => ({
  name,
  image: `registry.example/${name}@${digest(letter)}`,
});
const running = (name: string, imageID: string) => ({ name, imageID, state: { running: {} } });

describe('parsePod', () => {
  it('keeps the record and nothing else', () => {
    const record = parse();
    expect(record).toEqual(aRecord());
    expect(JSON.stringify(record)).not.toContain('canary');
  });

  it('reads scheduling, deletion and the end', () => {
    expect(parse({ node: undefined })?.node).toBe('');
    expect(parse({ deletionTimestamp: '2030-01-01T00:00:30Z' })?.deletionAt).toBe(
      Date.parse('2030-01-01T00:00:30Z'),
    );
    expect(parse({ deletionGracePeriodSeconds: 30 })?.gracePeriodSeconds).toBe(30);
    for (const phase of ['Pending', 'Running', 'Unknown']) expect(parse({ phase })?.finished).toBe(false);
    for (const phase of ['Succeeded', 'Failed']) expect(parse({ phase })?.finished).toBe(true);
  });

  it('refuses what no API server would send', () => {
    for (const value of [undefined, null, 1, [], {}, { metadata: {} }])
      expect(parsePod(value, interner)).toBeUndefined();
    expect(parse({ name: '../till' })).toBeUndefined();
    expect(parse({ uid: 'till' })).toBeUndefined();
    expect(parse({ deletionTimestamp: 'soon' })).toBeUndefined();
    for (const period of [-1, 0.5, 1e300])
      expect(parse({ deletionGracePeriodSeconds: period })).toBeUndefined();
    expect(parse({ spec: { serviceAccountName: 'a/b' } })).toBeUndefined();
  });

  it('reads the static pods of a node, which have no service account', () => {
    expect(parse({ spec: { serviceAccountName: undefined } })?.serviceAccount).toBe('');
  });

  it('gives labels no inherited members', () => {
    expect(parse()?.labels['constructor']).toBeUndefined();
  });

  it('shares what is equal between pods', () => {
    const one = parse({ name: 'till-0' });
    const other = parse({ name: 'till-1' });
    expect(other?.labels).toBe(one?.labels);
    expect(other?.images).toBe(one?.images);
  });

  it('still reads rightly when it shares no more', () => {
    const tiny = createInterner({ maxEntries: 1 });
    for (const app of ['a', 'b', 'a', 'b'])
      expect(parsePod(aPodObject({ labels: { app } }), tiny)?.labels).toEqual({ app });
  });
});

describe('image digests', () => {
  const imagesOf = (spec: Record<string, unknown>, status: Record<string, unknown> = {}) =>
    parse({ spec, status })?.images;

  it.each([
    ['a tag', { containers: [{ name: 'app', image: 'till:1' }] }, {}],
    ['no image', { containers: [{ name: 'app' }] }, {}],
    ['no container', { containers: [] }, {}],
    ['a short digest', { containers: [{ name: 'app', image: 'till@sha256:abc' }] }, {}],
    ['another hash', { containers: [{ name: 'app', image: `till@sha512:${'a'.repeat(64)}` }] }, {}],
    ['something after the digest', { containers: [{ name: 'app', image: `till@${digest('a')}:1` }] }, {}],
    [
      'a tag on an init container',
      { containers: [image('a')], initContainers: [{ name: 'init', image: 'init:1' }] },
      {},
    ],
    ['an ephemeral container', { containers: [image('a')], ephemeralContainers: [image('b', 'debug')] }, {}],
    ['one name for two containers', { containers: [image('a')], initContainers: [image('b')] }, {}],
    [
      'another digest at run time',
      { containers: [image('a')] },
      { containerStatuses: [running('app', `x@${digest('b')}`)] },
    ],
    [
      'an image id without repository',
      { containers: [image('a')] },
      { containerStatuses: [running('app', digest('a'))] },
    ],
    [
      'no image id on a running container',
      { containers: [image('a')] },
      { containerStatuses: [running('app', '')] },
    ],
    [
      'a running container that the spec lacks',
      { containers: [image('a')] },
      { containerStatuses: [running('x', `x@${digest('a')}`)] },
    ],
    [
      'another digest of a finished init container',
      { containers: [image('a')], initContainers: [image('b', 'init')] },
      { initContainerStatuses: [{ name: 'init', imageID: `x@${digest('c')}`, state: { terminated: {} } }] },
    ],
  ])('are unknown with %s', (_what, spec, status) => {
    expect(imagesOf(spec, status)).toEqual({ known: false });
  });

  it('are those of all containers, before and after they run', () => {
    const spec = { containers: [image('b'), image('a', 'side')], initContainers: [image('a', 'init')] };
    const known = { known: true, digests: [digest('a'), digest('b')] };
    expect(imagesOf(spec)).toEqual(known);
    expect(
      imagesOf(spec, { containerStatuses: [{ name: 'app', imageID: '', state: { waiting: {} } }] }),
    ).toEqual(known);
    expect(
      imagesOf(spec, {
        containerStatuses: [
          running('app', `mirror.example/till@${digest('b')}`),
          running('side', `docker-pullable://s@${digest('a')}`),
        ],
        initContainerStatuses: [{ name: 'init', imageID: `x@${digest('a')}`, state: { terminated: {} } }],
      }),
    ).toEqual(known);
  });
});
