import { describe, expect, it } from 'vitest';
import { tokenFault } from '../../../../src/backend/vault/token-fault.ts';
import { goodToken } from './fake-vault.ts';

describe('tokenFault', () => {
  it.each([
    ['a batch token', { token_type: 'batch' }, 'type is not service'],
    ['a child of the broker’s token', { orphan: false }, 'not an orphan'],
    ['a token without a ttl', { lease_duration: 0 }, 'no ttl'],
    ['a longer ttl, as a role with a period gives', { lease_duration: 3600 }, 'ttl above the probation'],
    ['a token that cannot be renewed', { renewable: false }, 'not renewable'],
    ['a token that can do nothing', { policies: [], token_policies: [] }, 'no policy'],
    ['a root token', { policies: ['root'] }, 'root policy'],
    ['the default policy', { policies: ['default', 'leasehold-app-read'] }, 'default policy'],
    ['the default policy where only one list shows it', { token_policies: ['default'] }, 'default policy'],
    ['rights of an entity', { identity_policies: ['admin'] }, 'bound to an entity'],
    ['an entity', { entity_id: '5f3e' }, 'bound to an entity'],
    ['a limited number of uses', { num_uses: 3 }, 'limited number of uses'],
  ])('refuses %s', (_name, change, rule) => {
    expect(tokenFault({ ...goodToken, ...change }, { probationSeconds: 60 })).toBe(rule);
  });

  it('accepts what the printed role gives', () => {
    expect(tokenFault(goodToken, { probationSeconds: 60 })).toBeUndefined();
  });
});
