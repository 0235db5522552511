import { status, type ClientReadableStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { SessionAdmin } from '../../../src/lease/sessions.ts';
import type { SessionWithHolders } from '../../../src/ledger/ledger.ts';
import type { NodeEnrolment } from '../../../src/lease/runs/node-enrolment.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { type AdminMethod, type AdminRight, rightOf } from '../../../src/rpc/admin-access.ts';
import type { ListEnrolmentTokensRequest } from '../../../src/rpc/gen/leasehold/v1/ListEnrolmentTokensRequest.ts';
import type { ListEnrolmentTokensResponse__Output } from '../../../src/rpc/gen/leasehold/v1/ListEnrolmentTokensResponse.ts';
import type { RevokeSessionsResponse__Output } from '../../../src/rpc/gen/leasehold/v1/RevokeSessionsResponse.ts';
import type { WithdrawEnrolmentTokensRequest } from '../../../src/rpc/gen/leasehold/v1/WithdrawEnrolmentTokensRequest.ts';
import { loadAdminApi } from '../../../src/rpc/proto.ts';
import { createTestCa } from '../../support/certificates.ts';
import {
  adminClient,
  ask,
  podIdentity,
  session,
  startWorld,
  toEnded,
  type Ended,
  type ServerWorld,
  type WorldOptions,
} from './server-world.ts';

const rights: readonly AdminRight[] = ['view', 'revoke', 'settle', 'enrol'];
const clients = rights.map((right) => ({
  name: `person-${right}`,
  match: { commonName: `cn-${right}` },
  rights: [right],
}));
const never = () => Promise.reject(new Error('not asked for here'));
const noEnrolment = {
  makeTokens: never,
  listTokens: never,
  withdrawTokens: never,
  enrol: never,
  renew: never,
};
const selector = { pod: 'shop/api-1' };

let world: ServerWorld;
const start = async (options: WorldOptions = {}) =>
  (world = await startWorld({ clients: [...clients, machine], ...options }));
const machine = { name: 'machine', match: { uri: 'spiffe://test/ops' }, rights: ['view'] } as const;
afterEach(() => world[Symbol.asyncDispose]());

const clientFor = (commonName: string, uri?: string) =>
  adminClient(world, world.ca.issueClient({ commonName, ...(uri === undefined ? {} : { uri }) }));
type Client = ReturnType<typeof adminClient>;

/** One call of each method, valid in itself. */
const calls: Readonly<Record<AdminMethod, (client: Client) => Promise<Ended>>> = {
  ListSessions: (client) => ask((options, answer) => client.listSessions({}, options, answer)),
  GetSession: (client) => ask((options, answer) => client.getSession({ id: session.id }, options, answer)),
  WatchSessions: (client) => follow(client.watchSessions({})),
  RevokeSessions: (client) => follow(client.revokeSessions({ selector, reason: 'drill' })),
  RotateSessions: (client) =>
    ask((options, answer) => client.rotateSessions({ selector, reason: 'drill' }, options, answer)),
  AddLock: (client) =>
    ask((options, answer) => client.addLock({ selector, reason: 'drill' }, options, answer)),
  RemoveLock: (client) =>
    ask((options, answer) => client.removeLock({ id: 'loc_1', reason: 'drill' }, options, answer)),
  ListLocks: (client) => ask((options, answer) => client.listLocks({}, options, answer)),
  Explain: (client) =>
    ask((options, answer) =>
      client.explain(
        { bundle: 'orders', pod: { cluster: 'blue', namespace: 'shop', serviceAccount: 'api' } },
        options,
        answer,
      ),
    ),
  ListTombstones: (client) => ask((options, answer) => client.listTombstones({}, options, answer)),
  LiftTombstone: (client) =>
    ask((options, answer) =>
      client.liftTombstone(
        { workload: podIdentity.workload, bundle: 'orders', reason: 'drill' },
        options,
        answer,
      ),
    ),
  ListCanaries: (client) => ask((options, answer) => client.listCanaries({}, options, answer)),
  RunCanary: (client) =>
    ask((options, answer) => client.runCanary({ path: 'database/creds/app' }, options, answer)),
  WriteOff: (client) =>
    ask((options, answer) => client.writeOff({ credential: 'crd_1', reason: 'drill' }, options, answer)),
  MakeEnrolmentTokens: (client) =>
    ask((options, answer) =>
      client.makeEnrolmentTokens({ cluster: 'hpc', nodes: ['n1'], ttlSeconds: 600 }, options, answer),
    ),
  ListEnrolmentTokens: (client) => ask((options, answer) => client.listEnrolmentTokens({}, options, answer)),
  WithdrawEnrolmentTokens: (client) =>
    ask((options, answer) =>
      client.withdrawEnrolmentTokens({ cluster: 'hpc', node: 'n1', reason: 'drill' }, options, answer),
    ),
};

function follow(call: ClientReadableStream<unknown>): Promise<Ended> {
  return new Promise((resolve) => {
    call.on('data', () => undefined);
    call.on('error', () => undefined);
    call.on('status', (end) => resolve(toEnded(end)));
  });
}

describe('access to the admin API', () => {
  it('has a right for every method, and serves every one', () => {
    const { service } = loadAdminApi().leasehold.v1.AdminService;
    expect(Object.keys(rightOf).sort()).toEqual(Object.keys(service).sort());
    expect(Object.keys(calls).sort()).toEqual(Object.keys(service).sort());
    return start();
  });

  it('lets each right do its own methods and no other', async () => {
    const refuse = () => Promise.reject(new LeaseholdError('session_unknown'));
    await start({
      enrolment: { ...noEnrolment, makeTokens: refuse, listTokens: refuse, withdrawTokens: refuse },
    });
    for (const right of rights) {
      const client = clientFor(`cn-${right}`);
      for (const [method, call] of Object.entries(calls)) {
        world.audit.records.length = 0;
        const ended = await call(client);
        const needed = rightOf[method as AdminMethod];
        if (needed === right) {
          // The scripted part behind refuses everything with a code of its own: the call got through.
          expect([method, ended.code]).toEqual([method, 'session_unknown']);
          expect(world.audit.records).toEqual([]);
        } else {
          expect([method, ended]).toMatchObject([
            method,
            { code: 'admin_forbidden', status: status.PERMISSION_DENIED },
          ]);
          expect(world.audit.records).toEqual([
            {
              action: 'admin_refused',
              outcome: 'refused',
              code: 'admin_forbidden',
              actor: `admin:person-${right}`,
              peer: '127.0.0.1',
              reason: method,
              stranger: false,
            },
          ]);
        }
      }
      client.close();
    }
  });

  it('refuses a verified certificate with a name that is not configured, and records it', async () => {
    await start();
    for (const name of ['somebody', 'cn-view ', 'CN-VIEW', 'person-view']) {
      world.audit.records.length = 0;
      const client = clientFor(name);
      expect(await calls.ListSessions(client)).toMatchObject({
        code: 'admin_unauthenticated',
        status: status.UNAUTHENTICATED,
      });
      expect(world.audit.records).toMatchObject([
        { action: 'admin_refused', code: 'admin_unauthenticated', stranger: true },
      ]);
      client.close();
    }
  });

  it('knows a client by its URI, exactly', async () => {
    await start();
    const known = clientFor('anything', 'spiffe://test/ops');
    expect(await calls.ListSessions(known)).toMatchObject({ code: 'session_unknown' });
    known.close();
    for (const uri of ['spiffe://test/ops/', 'spiffe://test/op', 'x://y, URI:spiffe://test/ops, URI:z://z']) {
      const stranger = clientFor('anything', uri);
      expect(await calls.ListSessions(stranger)).toMatchObject({ code: 'admin_unauthenticated' });
      stranger.close();
    }
  });

  it('lets nobody in whose certificate is of another authority, expired, or for servers', async () => {
    await start();
    const hour = 3_600_000;
    const strangers = [
      createTestCa().issueClient({ commonName: 'cn-view' }),
      world.ca.issueClient({ commonName: 'cn-view', notAfter: new Date(Date.now() - hour / 2) }),
      world.ca.issueClient({ commonName: 'cn-view', notBefore: new Date(Date.now() + hour) }),
      world.ca.issueServer({ names: ['cn-view'] }),
    ];
    for (const certificate of strangers) {
      const client = adminClient(world, certificate);
      expect(await calls.ListSessions(client)).toMatchObject({ status: status.UNAVAILABLE, code: undefined });
      client.close();
    }
    expect(world.audit.records).toEqual([]);
    expect(await world.metrics.text()).toMatch(/handshakes_failed_total\{listener="admin"/);
  });
});

describe('an admin call', () => {
  it('for enrolment tokens is answered by who makes them, and refused where nodes get their certificates elsewhere', async () => {
    await start();
    for (const [call, right] of [
      [calls.MakeEnrolmentTokens, 'enrol'],
      [calls.ListEnrolmentTokens, 'view'],
      [calls.WithdrawEnrolmentTokens, 'enrol'],
    ] as const) {
      const refused = clientFor(`cn-${right}`);
      expect(await call(refused)).toMatchObject({
        code: 'enrolment_off',
        status: status.FAILED_PRECONDITION,
      });
      refused.close();
    }
    await world[Symbol.asyncDispose]();
    const asked: unknown[] = [];
    await start({
      enrolment: {
        ...noEnrolment,
        makeTokens: async (request) => {
          asked.push(request);
          return { tokens: [{ node: 'n1', token: Secret.ofText('token-of-n1') }], expiresAt: 5 };
        },
      },
    });
    const client = clientFor('cn-enrol');
    expect(await calls.MakeEnrolmentTokens(client)).toMatchObject({
      status: status.OK,
      response: { tokens: [{ node: 'n1', token: Buffer.from('token-of-n1') }], expiresAtMs: 5 },
    });
    expect(asked).toMatchObject([
      { cluster: 'hpc', nodes: ['n1'], ttlSeconds: 600, by: 'admin:person-enrol' },
    ]);
    client.close();
  });

  it('that withdraws enrolment tokens names a node or all, never neither, and is answered with what was withdrawn', async () => {
    const asked: unknown[] = [];
    const withdrawTokens: NodeEnrolment['withdrawTokens'] = async (request) => {
      asked.push(request);
      if (request.node === 'n9') throw new LeaseholdError('enrolment_unknown');
      if (request.node === 'n8') throw new LeaseholdError('enrolment_used');
      return ['n1', 'n2'];
    };
    await start({ enrolment: { ...noEnrolment, withdrawTokens } });
    const client = clientFor('cn-enrol');
    const withdraw = (request: WithdrawEnrolmentTokensRequest) =>
      ask((o, a) => client.withdrawEnrolmentTokens({ cluster: 'hpc', reason: ' drill ', ...request }, o, a));
    for (const wrong of [{}, { node: 'n1', all: true }, { node: 'n1', reason: ' ' }])
      expect(await withdraw(wrong)).toMatchObject({
        code: 'request_invalid',
        status: status.INVALID_ARGUMENT,
      });
    expect(asked).toEqual([]);
    expect(await withdraw({ node: 'n9' })).toMatchObject({
      code: 'enrolment_unknown',
      status: status.NOT_FOUND,
    });
    expect(await withdraw({ node: 'n8' })).toMatchObject({
      code: 'enrolment_used',
      status: status.FAILED_PRECONDITION,
    });
    expect(await withdraw({ all: true })).toMatchObject({
      status: status.OK,
      response: { nodes: ['n1', 'n2'] },
    });
    expect(asked.at(-1)).toEqual({
      cluster: 'hpc',
      node: undefined,
      reason: 'drill',
      by: 'admin:person-enrol',
    });
    client.close();
  });

  it('pages through enrolment tokens', async () => {
    const queries: unknown[] = [];
    const known = { cluster: 'hpc', by: 'admin:ada', at: 1, expiresAt: 2 };
    const listTokens: NodeEnrolment['listTokens'] = async (query) => {
      queries.push(query);
      if (query.after !== undefined) return [];
      return [
        { ...known, node: 'n1', state: 'spent', key: 'ab' },
        { ...known, node: 'n2', state: 'unused', key: undefined },
      ];
    };
    await start({ enrolment: { ...noEnrolment, listTokens } });
    const client = clientFor('cn-view');
    const list = (request: ListEnrolmentTokensRequest) =>
      ask<ListEnrolmentTokensResponse__Output>((o, a) => client.listEnrolmentTokens(request, o, a));
    for (const wrong of [{ pageSize: 1_001 }, { pageToken: 'n1' }, { pageToken: 'a/b/c' }, { cluster: "'" }])
      expect(await list(wrong)).toMatchObject({ code: 'request_invalid' });
    expect(queries).toEqual([]);
    const first = await list({ pageSize: 2 });
    const wire = { cluster: 'hpc', by: 'admin:ada', madeAtMs: 1, expiresAtMs: 2 };
    expect(first.response).toEqual({
      tokens: [
        { ...wire, node: 'n1', state: 'spent', key: 'ab' },
        { ...wire, node: 'n2', state: 'unused', key: '' },
      ],
      nextPageToken: 'hpc/n2',
    });
    const last = await list({ cluster: 'hpc', unused: true, pageSize: 2, pageToken: 'hpc/n2' });
    expect(last.response).toEqual({ tokens: [], nextPageToken: '' });
    const by = 'admin:person-view';
    expect(queries).toEqual([
      { cluster: undefined, unused: false, pageSize: 2, after: undefined, by },
      { cluster: 'hpc', unused: true, pageSize: 2, after: { cluster: 'hpc', node: 'n2' }, by },
    ]);
    client.close();
  });

  const all = [{ ...clients[0], name: 'all', match: { commonName: 'all' }, rights }] as const;

  it.each([
    ['an empty selector', (client: Client) => follow(client.revokeSessions({ reason: 'drill' }))],
    ['no reason', (client: Client) => follow(client.revokeSessions({ selector, reason: '  ' }))],
    [
      'a long reason',
      (client: Client) => follow(client.revokeSessions({ selector, reason: 'r'.repeat(501) })),
    ],
    ['a huge page', (client: Client) => ask((o, a) => client.listSessions({ pageSize: 1_001 }, o, a))],
    ['an odd id', (client: Client) => ask((o, a) => client.getSession({ id: "x' or" }, o, a))],
    [
      'nobody to explain',
      (client: Client) => ask((o, a) => client.explain({ bundle: 'orders', pod: {} }, o, a)),
    ],
  ])('is refused for %s', async (_name, call) => {
    await start({ clients: all });
    const client = clientFor('all');
    expect(await call(client)).toMatchObject({ code: 'request_invalid', status: status.INVALID_ARGUMENT });
    client.close();
  });

  it('pages through a listing', async () => {
    const queries: unknown[] = [];
    const list: SessionAdmin['list'] = async (query) => {
      queries.push(query);
      return query.after === undefined ? [session, { ...session, id: 'ses_b' }] : [];
    };
    await start({ clients: all, admin: { list } });
    const client = clientFor('all');
    const first = await ask<{ nextPageToken: string; sessions: { id: string }[] }>((options, answer) =>
      client.listSessions({ pageSize: 2, selector: { cluster: 'blue' } }, options, answer),
    );
    expect(first.response?.sessions.map(({ id }) => id)).toEqual([session.id, 'ses_b']);
    expect(first.response?.nextPageToken).toBe('ses_b');
    const second = await ask<{ nextPageToken: string }>((options, answer) =>
      client.listSessions({ pageSize: 2, pageToken: 'ses_b' }, options, answer),
    );
    expect(second.response?.nextPageToken).toBe('');
    expect(queries).toEqual([
      { selector: { cluster: 'blue' }, includeEnded: false, pageSize: 2, after: undefined, by: 'admin:all' },
      { selector: undefined, includeEnded: false, pageSize: 2, after: 'ses_b', by: 'admin:all' },
    ]);
    client.close();
  });

  it('reports a revocation until all are settled, those that settle before it watches too', async () => {
    const order: string[] = [];
    const revoking: SessionWithHolders = { ...session, state: 'revoking' };
    const watch: SessionAdmin['watch'] = () => {
      order.push('watch');
      return (async function* () {
        yield { ...session, id: 'ses_other', state: 'ended' as const };
        yield { ...session, state: 'ended' as const };
        await new Promise(() => undefined);
      })();
    };
    const revoke: SessionAdmin['revoke'] = async ({ by, reason }) => {
      order.push(`revoke ${by} ${reason}`);
      return [revoking];
    };
    await start({ clients: all, admin: { watch, revoke } });
    const client = clientFor('all');
    const call = client.revokeSessions({ selector, reason: ' leak ', waitMs: 10_000 });
    const heard: (readonly [string | undefined, number, number])[] = [];
    call.on('data', ({ session: told, matched, settled }: RevokeSessionsResponse__Output) =>
      heard.push([told?.state, matched, settled]),
    );
    expect(await follow(call)).toMatchObject({ status: status.OK });
    expect(order).toEqual(['watch', 'revoke admin:all leak']);
    expect(heard).toEqual([
      ['revoking', 1, 0],
      ['ended', 1, 1],
    ]);
    client.close();
  });

  it('answers with why a credential is refused, and records that it was shown', async () => {
    await start({ clients: all });
    world.verifier = () => Promise.reject(new LeaseholdError('credential_wrong_audience'));
    const client = clientFor('all');
    const { response } = await ask<{ allowed: boolean; code: string }>((options, answer) =>
      client.explain({ bundle: 'orders', credential: Buffer.from('token') }, options, answer),
    );
    expect(response).toMatchObject({ allowed: false, code: 'credential_wrong_audience' });
    expect(world.audit.records).toMatchObject([
      { action: 'explain', outcome: 'refused', code: 'credential_wrong_audience', actor: 'admin:all' },
    ]);
    client.close();
  });

  it('is ended with fixed text when the part behind throws something else', async () => {
    await start({
      clients: all,
      admin: { listLocks: () => Promise.reject(Object.assign(new Error('canary-51'), { code: 5 })) },
    });
    const client = clientFor('all');
    expect(await calls.ListLocks(client)).toEqual({
      status: status.INTERNAL,
      code: 'internal',
      details: 'internal error',
    });
    client.close();
  });

  it('ends a watch when the broker goes down', async () => {
    const watch: SessionAdmin['watch'] = ({ signal }) =>
      (async function* () {
        yield session;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      })();
    await start({ clients: all, admin: { watch } });
    const client = clientFor('all');
    const call = client.watchSessions({});
    const ended = follow(call);
    await new Promise((resolve) => call.once('data', resolve));
    await world.rpc.drain(AbortSignal.timeout(50_000));
    expect(await ended).toMatchObject({ code: 'shutting_down', status: status.UNAVAILABLE });
    client.close();
  });
});
