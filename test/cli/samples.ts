/** 2026-01-02T03:04:05Z, in milliseconds. */
export const createdAtMs = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A credential as the broker sends it. */
export const aCredential = (over: object = {}) => ({
  id: 'cre_1',
  kind: 'lease',
  path: 'database/creds/orders',
  hmac: 'a1b2c3d4a1b2c3d4',
  settlement: 'held',
  why: '',
  sinceMs: createdAtMs,
  nextTryMs: 0,
  attempts: 0,
  expiresAtMs: createdAtMs + 3_600_000,
  ...over,
});

/** A session as the broker sends it. */
export const aSession = (over: object = {}) => ({
  id: 'ses_1',
  workload: 'pod/blue/uid-1',
  spiffeId: 'spiffe://example.org/k8s/blue/ns/shop/sa/api/pod/uid-1',
  cluster: 'blue',
  namespace: 'shop',
  serviceAccount: 'api',
  pod: 'api-7f9c',
  node: 'node-1',
  bundle: 'orders-db',
  state: 'active',
  grant: 'shop-may-order',
  createdAtMs,
  deadlineMs: createdAtMs + 86_400_000,
  endedAtMs: 0,
  endReason: '',
  generation: 2,
  leased: true,
  holders: [{ name: 'pod', attached: true, generation: 2, deliveredAtMs: createdAtMs + 1000, wipedAtMs: 0 }],
  credentials: [aCredential()],
  ...over,
});

/** The same session once everything behind it is gone. */
export const anEndedSession = (over: object = {}) =>
  aSession({
    state: 'ended',
    endReason: 'admin',
    endedAtMs: createdAtMs + 60_000,
    holders: [
      {
        name: 'pod',
        attached: false,
        generation: 2,
        deliveredAtMs: createdAtMs + 1000,
        wipedAtMs: createdAtMs + 59_000,
      },
    ],
    credentials: [aCredential({ settlement: 'confirmed', attempts: 1, sinceMs: createdAtMs + 60_000 })],
    ...over,
  });
