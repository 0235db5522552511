import { describe, expect, it } from 'vitest';
import { parsePolicy, policySchema } from '../../../src/policy/policy-file.ts';
import { documentedKeys, readDoc, schemaKeys } from '../broker/documented-keys.ts';

describe('docs/policy.md', () => {
  const text = readDoc('policy.md');

  it('describes every key of policy.yaml and no other', () => {
    expect([...documentedKeys(text).keys()].sort()).toEqual([...schemaKeys(policySchema).keys()].sort());
  });

  it('has examples that are valid, those of grants alone beside the bundles of the first', () => {
    const blocks = [...text.matchAll(/```yaml\n([^]*?)```/g)].map(([, block = '']) => block);
    expect(blocks.length).toBeGreaterThan(2);
    const bundles = (blocks[0] ?? '').replace(/^grants:[^]*/m, '');
    for (const block of blocks)
      expect(() => parsePolicy(block.startsWith('bundles:') ? block : `${bundles}${block}`)).not.toThrow();
  });
});

describe('docs/examples/policy.yaml', () => {
  it('is valid', () => {
    const { bundles, grants } = parsePolicy(readDoc('examples/policy.yaml'));
    expect([bundles.size, grants.length]).toEqual([2, 3]);
  });
});
