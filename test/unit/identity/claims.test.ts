import { describe, expect, it } from 'vitest';
import { clockLeewaySeconds, parseClaims } from '../../../src/identity/claims.ts';
import type { ErrorCode } from '../../../src/platform/error.ts';
import { expectRefusal } from './refusal.ts';
import { bindingOf, claimsAt, podUid, serviceAccountUid, trust } from './tokens.ts';
import type { Claims } from './tokens.ts';

const nowMs = Date.parse('2030-01-01T00:00:00Z');
const now = nowMs / 1000;
const parse = (claims: Claims | string) =>
  parseClaims(Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)), trust, nowMs);
const refuse = (changes: Claims, code: ErrorCode) =>
  expectRefusal(() => parse(claimsAt(nowMs, changes)), code);

describe('parseClaims', () => {
  it.each([
    ['missing', undefined, 'credential_malformed'],
    ['null', null, 'credential_malformed'],
    ['empty', '', 'credential_malformed'],
    ['no element', [], 'credential_malformed'],
    ['an object', { leasehold: true }, 'credential_malformed'],
    ['a list in the list', [['leasehold']], 'credential_malformed'],
    ['too many', Array.from({ length: 17 }, () => 'leasehold'), 'credential_malformed'],
    ['another', ['vault'], 'credential_wrong_audience'],
    ['the API server', ['https://kubernetes.default.svc'], 'credential_wrong_audience'],
    ['a prefix', ['lease'], 'credential_wrong_audience'],
    ['a longer one', ['leasehold.evil.example'], 'credential_wrong_audience'],
    ['a trailing slash', ['leasehold/'], 'credential_wrong_audience'],
    ['a trailing space', ['leasehold '], 'credential_wrong_audience'],
    ['a trailing zero byte', ['leasehold\0'], 'credential_wrong_audience'],
    ['another case', ['Leasehold'], 'credential_wrong_audience'],
    ['a Cyrillic letter', ['l\u0435asehold'], 'credential_wrong_audience'],
    ['full-width letters', ['\uff4ceasehold'], 'credential_wrong_audience'],
    ['a soft hyphen', ['lease\u00adhold'], 'credential_wrong_audience'],
    ['a pattern', ['*'], 'credential_wrong_audience'],
    ['ours in a comma list', ['vault,leasehold'], 'credential_wrong_audience'],
  ] as const)('refuses an audience that is %s', async (_what, aud, code) => {
    await refuse({ aud }, code);
  });

  it('accepts our audience as text, alone in a list, and beside others', () => {
    for (const aud of ['leasehold', ['leasehold'], ['vault', 'leasehold']])
      expect(parse(claimsAt(nowMs, { aud })).podUid).toBe(podUid);
  });

  it.each([
    ['no exp', { exp: undefined }, 'credential_malformed'],
    ['no iat', { iat: undefined }, 'credential_malformed'],
    ['no nbf', { nbf: undefined }, 'credential_malformed'],
    ['exp as text', { exp: String(now + 600) }, 'credential_malformed'],
    ['exp with a fraction', { exp: now + 600.5 }, 'credential_malformed'],
    ['exp in milliseconds', { exp: (now + 600) * 1000 }, 'credential_malformed'],
    ['a negative iat', { iat: -1 }, 'credential_malformed'],
    ['exp before iat', { iat: now, exp: now - 1 }, 'credential_malformed'],
    ['exp at nbf', { nbf: now + 600 }, 'credential_malformed'],
    ['a life one second too long', { exp: now + trust.maxTokenSeconds + 1 }, 'credential_lifetime'],
    ['a life of a year', { exp: now + 31_536_000 }, 'credential_lifetime'],
    [
      'a long life that began long ago',
      { iat: now - 31_536_000, nbf: now - 31_536_000 },
      'credential_lifetime',
    ],
    [
      'an exp as old as the leeway',
      { iat: now - 600, nbf: now - 600, exp: now - clockLeewaySeconds },
      'credential_expired',
    ],
    ['an nbf past the leeway', { nbf: now + clockLeewaySeconds + 1 }, 'credential_not_yet_valid'],
    ['an iat past the leeway', { iat: now + clockLeewaySeconds + 1 }, 'credential_not_yet_valid'],
  ] as const)('refuses %s', async (_what, changes, code) => {
    await refuse(changes, code);
  });

  it('accepts the last second of each bound', () => {
    for (const changes of [
      { exp: now + trust.maxTokenSeconds },
      { iat: now - 600, nbf: now - 600, exp: now - clockLeewaySeconds + 1 },
      { nbf: now + clockLeewaySeconds },
      { iat: now + clockLeewaySeconds },
    ])
      expect(parse(claimsAt(nowMs, changes)).podUid).toBe(podUid);
  });

  it.each([
    ['no binding', { 'kubernetes.io': undefined }],
    ['a binding that is a list', { 'kubernetes.io': [] }],
    [
      'a Secret',
      { 'kubernetes.io': bindingOf({ pod: undefined, node: undefined, secret: { name: 's', uid: podUid } }) },
    ],
    ['a node alone', { 'kubernetes.io': bindingOf({ pod: undefined }) }],
    ['a service account alone', { 'kubernetes.io': bindingOf({ pod: undefined, node: undefined }) }],
  ])('refuses a token bound to %s', async (_what, changes) => {
    await refuse(changes, 'credential_not_bound');
  });

  it.each([
    ['a namespace with a slash', { namespace: 'shop/../kube-system' }],
    ['a namespace in capitals', { namespace: 'Shop' }],
    ['a namespace with a dot', { namespace: 'a.b' }],
    ['a namespace of 64', { namespace: 'a'.repeat(64) }],
    ['a pod name with dots only', { pod: { name: '..', uid: podUid } }],
    ['a pod name with an encoded slash', { pod: { name: 'a%2fb', uid: podUid } }],
    ['a pod name with a line end', { pod: { name: 'till-0\n', uid: podUid } }],
    ['a pod name with a zero byte', { pod: { name: 'till-0\0', uid: podUid } }],
    ['a pod name with a star', { pod: { name: 'till-*', uid: podUid } }],
    ['a pod name of 254', { pod: { name: 'a'.repeat(254), uid: podUid } }],
    ['a pod name in look-alike letters', { pod: { name: 't\u0456ll-0', uid: podUid } }],
    ['a pod UID in capitals', { pod: { name: 'till-0', uid: podUid.toUpperCase() } }],
    ['a pod UID with a path', { pod: { name: 'till-0', uid: `../${podUid}` } }],
    ['a pod without UID', { pod: { name: 'till-0' } }],
    ['a service account with a colon', { serviceaccount: { name: 'till:admin', uid: serviceAccountUid } }],
    ['a service account without UID', { serviceaccount: { name: 'till' } }],
    ['a node with a comma', { node: { name: 'node-1,node-2' } }],
    ['a look-alike field', { Pod: { name: 'till-1', uid: podUid } }],
  ])('refuses %s', async (_what, changes) => {
    await refuse({ 'kubernetes.io': bindingOf(changes) }, 'credential_malformed');
  });

  it.each([
    ['another namespace', 'system:serviceaccount:kube-system:till'],
    ['another account', 'system:serviceaccount:shop:admin'],
    ['a longer account', 'system:serviceaccount:shop:till:x'],
    ['a user', 'till'],
  ])('refuses a subject with %s', async (_what, sub) => {
    await refuse({ sub }, 'credential_malformed');
  });

  it('refuses claim names in another spelling, which another reader might take for ours', async () => {
    for (const name of ['Aud', 'EXP', 'i\u017fs', '\uff53ub', ' aud', 'Kubernetes.io'])
      await refuse({ [name]: 'x' }, 'credential_malformed');
  });

  it('refuses another issuer, whatever routed the token here', async () => {
    for (const iss of [`${trust.issuer}/`, `${trust.issuer}.evil.example`, trust.issuer.toUpperCase(), ''])
      await refuse({ iss }, 'credential_unknown_issuer');
  });

  it('refuses a payload with a key used twice', async () => {
    const text = JSON.stringify(claimsAt(nowMs)).replace('{', '{"aud":["leasehold"],');
    await expectRefusal(() => parse(text), 'credential_malformed', /used twice/);
  });

  it('never names a refused value', async () => {
    const error = await expectRefusal(
      () => parse(claimsAt(nowMs, { aud: 'leasehold', 'kubernetes.io': bindingOf({ namespace: 'CANARY' }) })),
      'credential_malformed',
    );
    expect(error.detail).toBe('claim kubernetes.io.namespace');
  });

  it('reads what the API server puts there', () => {
    expect(parse(claimsAt(nowMs))).toEqual({
      namespace: 'shop',
      pod: 'till-0',
      podUid,
      serviceAccount: 'till',
      serviceAccountUid,
      node: 'node-1',
      tokenId: '3f0e2a9c-0000-4000-8000-000000000001',
      expiresAt: nowMs + 600_000,
    });
    const old = parse(claimsAt(nowMs, { jti: undefined, 'kubernetes.io': bindingOf({ node: undefined }) }));
    expect({ node: old.node, tokenId: old.tokenId }).toEqual({ node: undefined, tokenId: '' });
  });
});
