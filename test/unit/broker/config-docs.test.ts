import { describe, expect, it } from 'vitest';
import { brokerSchema, parseBrokerConfig } from '../../../src/broker/config.ts';
import { documentedKeys, readDoc, schemaKeys } from './documented-keys.ts';

describe('docs/configuration.md', () => {
  const text = readDoc('configuration.md');
  const documented = documentedKeys(text);
  const keys = schemaKeys(brokerSchema('/'));

  it('describes every key of broker.yaml and no other', () => {
    expect(keys.size).toBeGreaterThan(50);
    expect([...documented.keys()].sort()).toEqual([...keys.keys()].sort());
  });

  it('states the defaults that are in force', () => {
    for (const [key, fallback] of keys)
      if (fallback !== undefined)
        expect([key, documented.get(key)]).toEqual([
          key,
          `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``,
        ]);
      else expect([key, documented.get(key)?.startsWith('`') ?? true]).toEqual([key, false]);
  });
});

describe('docs/examples/broker.yaml', () => {
  it('is valid', () => {
    expect(parseBrokerConfig(readDoc('examples/broker.yaml'), '/etc/leasehold')).toMatchObject({ ok: true });
  });
});
