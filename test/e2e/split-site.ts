import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { valueAt } from '../support/json.ts';
import { runLeasehold } from '../support/leasehold-process.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { startSwitch, type Switch } from '../support/switch.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { answerOf, connectCaller, hello, open, type End } from './caller.ts';
import type { Holder, Login } from './holder.ts';
import { type BrokerYaml, freeAddress, type OtherBroker, startOtherBroker } from './other-broker.ts';
import { createPods, type Pods } from './pods.ts';
import { startSharedLedger } from './shared-ledger.ts';
import { type Site, startSite } from './site.ts';
import { audience, type BrokerTuning } from './site-files.ts';

/** What the second broker can be cut from, by itself alone. */
export type Part = 'ledger' | 'backend' | 'api';
/** Connections break and new ones are refused at once; or everything is swallowed and nobody is told. */
export type Cut = 'refused' | 'silent';

/** What a pod has. */
export interface Held {
  readonly holder: Holder;
  readonly login: Login;
}

/** Two brokers on one PostgreSQL: the site's own, which reaches everything, and one whose ways can be cut. */
export interface SplitSite extends AsyncDisposable {
  readonly site: Site;
  readonly split: OtherBroker;
  readonly pods: Pods;
  cut(part: Part, how: Cut): void;
  heal(part: Part): void;
  /** Sidecars that have begun at the broker that will be cut off and know the other one too. Side by side, so that what both hold is new when it is cut. */
  holdAtSplit(one: string, another: string): Promise<readonly [Held, Held]>;
  /** The address of the broker that holds that pod now. */
  heldAt(pod: string): Promise<string | undefined>;
  /** Lease sets that were ever begun for that pod. */
  issuedFor(pod: string): Promise<number>;
  /** What another new workload each time is told at the broker that is cut off: by a refusal of its bundle, or by the end of its stream. */
  askAtSplit(): Promise<End>;
  /** What the broker that is cut off answers with. */
  readyz(): Promise<number>;
  /** Of the broker that is cut off; 0 where it is not shown. */
  metric(name: string, labels: string): Promise<number>;
  /** Of both brokers' logs, for one pod. */
  records(pod: string, action: string): Promise<readonly unknown[]>;
  /** Both logs are whole. */
  expectWholeLogs(): Promise<void>;
}

const under = (config: BrokerYaml, key: string): BrokerYaml => ({ ...Object(config[key]) }) as BrokerYaml;

/** So short that a suite sees a lease end that nobody renews, and longer than it takes to notice that a broker is cut off. */
const ttlSeconds = 35;
const shortLived: BrokerTuning = {
  bundle: { ttl: `${ttlSeconds}s`, maxTtl: '10m', overlap: '5s' },
  vault: { probationSeconds: 10 },
};
/** When a lease of now is over at the database, to which Vault gives some seconds more. */
export const lapseOfNow = (): number => Date.now() + (ttlSeconds + 6) * 1000;
export const patienceMs = 60_000;

export const startSplitSite = async (tuning: BrokerTuning = {}): Promise<SplitSite> => {
  await using starting = new AsyncDisposableStack();
  const { database, tuning: shared } = await startSharedLedger();
  starting.defer(() => database.stop());
  const site = starting.use(await startSite({ ...shortLived, ...tuning, ...shared }));
  const folder = starting.use(await createTempFolder({ name: 'split' }));
  const { host, port } = database.connection;
  const addressOf = (url: string) => new URL(url).host;
  const ways: Readonly<Record<Part, Switch>> = {
    ledger: starting.use(await startSwitch(`${host}:${port}`)),
    backend: starting.use(await startSwitch(addressOf(site.parts.vault.address))),
    api: starting.use(await startSwitch(addressOf(site.one.server))),
  };
  const kubeconfig = join(folder.path, 'kubeconfig');
  const direct = await readFile(site.one.kubeconfigFile, 'utf8');
  await writeFile(kubeconfig, direct.replaceAll(addressOf(site.one.server), ways.api.address), {
    mode: 0o600,
  });
  const throughWays = (config: BrokerYaml): BrokerYaml => {
    const clusters = config['clusters'] as readonly BrokerYaml[];
    const [wayHost, wayPort] = ways.ledger.address.split(':');
    return {
      ...config,
      clusters: clusters.map((cluster) =>
        cluster['name'] === 'one' ? { ...cluster, api: { kubeconfig } } : cluster,
      ),
      backend: {
        vault: { ...under(under(config, 'backend'), 'vault'), address: `http://${ways.backend.address}` },
      },
      ledger: {
        postgres: {
          ...under(under(config, 'ledger'), 'postgres'),
          host: wayHost,
          port: Number(wayPort),
        },
      },
    };
  };
  const split = starting.use(
    await startOtherBroker(site.files, {
      folder: folder.path,
      name: 'split',
      workloads: await freeAddress(),
      change: throughWays,
    }),
  );
  const pods = createPods(() => site);
  const ofPod = async (columns: string, pod: string) =>
    database.query(
      `SELECT ${columns} FROM leasehold.session AS session
       LEFT JOIN leasehold.holder ON holder.session = session.id AND holder.attached
       LEFT JOIN leasehold.replica ON replica.id = holder.replica
       LEFT JOIN leasehold.lease_set ON lease_set.session = session.id
       WHERE session.identity->>'pod' = '${pod}'`,
    );
  const logs = [site.files.audit, split.audit];
  let asked = 0;
  const owned = starting.move();
  const hold = async (name: string): Promise<Held> => {
    await using first = new AsyncDisposableStack();
    const way = await startSwitch(site.files.workloads);
    first.use(way);
    // Not open yet, so that it begins with the other one; a way of its own, so that nobody else waits for it.
    way.close(true);
    const holder = await pods.hold(await pods.run(name), { brokers: [split.workloads, way.address] });
    owned.use(holder);
    owned.use(first.move());
    const login = await pods.loginOf(holder);
    way.close(false);
    return { holder, login };
  };
  return {
    site,
    split,
    pods,
    cut: (part, how) => {
      if (how === 'refused') ways[part].close(true);
      else ways[part].block('requests');
    },
    heal: (part) => {
      ways[part].close(false);
      ways[part].block(undefined);
    },
    holdAtSplit: (one, another) => Promise.all([hold(one), hold(another)]),
    heldAt: async (pod) => {
      const [row] = await ofPod('replica.address AS address', pod);
      const address = row?.['address'];
      return typeof address === 'string' ? address : undefined;
    },
    issuedFor: async (pod) => Number((await ofPod('count(DISTINCT lease_set.id) AS made', pod))[0]?.['made']),
    askAtSplit: async () => {
      asked += 1;
      const token = await site.one.createBoundToken({ ...(await pods.run(`comes-${asked}`)), audience });
      using caller = await connectCaller({ ...site.files, workloads: split.workloads });
      caller.send(hello(token));
      caller.send(open('app'));
      return await Promise.race([
        caller.event('refused').then(
          ({ code, retryAfterMs }) => ({ code, retryAfterMs }),
          () => caller.ended,
        ),
        answerOf(caller, 'generation'),
      ]);
    },
    readyz: async () => (await fetch(`${split.http}/readyz`)).status,
    metric: async (name, labels) => {
      const text = await (await fetch(`${split.http}/metrics`)).text();
      const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes(labels));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
    records: async (pod, action) => {
      const texts = await Promise.all(logs.map((file) => readFile(file, 'utf8')));
      return texts
        .flatMap((text) => text.split('\n').slice(0, -1))
        .map((line): unknown => JSON.parse(line))
        .filter((record) => valueAt(record, 'pod') === `shop/${pod}` && valueAt(record, 'action') === action);
    },
    expectWholeLogs: async () => {
      for (const file of logs) {
        const verified = await runLeasehold(['audit', 'verify', file]);
        expect(verified.status, verified.stdout + verified.stderr).toBe(0);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};

/** Waits until the credentials would have lapsed without a renewal, and shows that they were renewed: the same ones still let in. */
export const expectHeldOn = async (
  { pods }: Pick<SplitSite, 'pods'>,
  held: Held,
  untilMs: number,
): Promise<void> => {
  await waitFor('the first lease to be over', async () => Date.now() >= untilMs, 120_000);
  expect(await held.holder.readLogin()).toEqual(held.login);
  expect(await pods.canLogin(held.login)).toBe(true);
};

/** After one broker was cut off from something: it serves again, and of what two pods had nothing was issued a second time or has moved since. */
export const expectHealed = async (
  split: SplitSite,
  {
    keeps,
    told,
    kept,
    at,
  }: {
    readonly keeps: string;
    readonly told: string;
    readonly kept: Held;
    /** Who holds it by now. */
    readonly at: string;
  },
): Promise<void> => {
  await waitFor('it to serve again', async () => (await split.askAtSplit()).code === 'ok', patienceMs);
  // What was owed may be written a moment after that.
  await waitFor(
    'the records of the end',
    async () => (await split.records(told, 'settle')).length > 0,
    patienceMs,
  );
  expect(await split.issuedFor(keeps)).toBe(1);
  expect(await split.issuedFor(told)).toBe(1);
  expect(await kept.holder.readLogin()).toEqual(kept.login);
  expect(await split.heldAt(keeps)).toBe(at);
  expect(await split.records(told, 'settle')).toMatchObject([{ outcome: 'ok', settlement: 'confirmed' }]);
  expect(await split.records(keeps, 'issue')).toHaveLength(1);
  await split.expectWholeLogs();
};
