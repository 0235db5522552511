import { expect } from 'vitest';
import { valueAt } from '../support/json.ts';
import type { TestKubernetes } from '../support/parts/kubernetes.ts';
import type { TestPod } from '../support/parts/kubernetes-objects.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import type { Holder, Login } from './holder.ts';
import { startHolder } from './holder.ts';
import type { Site } from './site.ts';
import { audience } from './site-files.ts';

/** What the suites do with pods of a site and with what they hold. */
export interface Pods {
  /** A running pod of the namespace `shop`; of the first cluster and the account `app` where nothing else is said. */
  readonly run: (
    name: string,
    options?: { cluster?: TestKubernetes; serviceAccount?: string },
  ) => Promise<TestPod>;
  /** A sidecar with a token of that pod. */
  readonly hold: (
    pod: TestPod,
    options?: { cluster?: TestKubernetes; notify?: string; brokers?: readonly string[] },
  ) => Promise<Holder>;
  /** Waits, and says on failure what both sides have logged. */
  readonly seen: (holder: Holder, what: string, condition: () => Promise<boolean>) => Promise<void>;
  /** The account in the files, waited for. */
  readonly loginOf: (holder: Holder, isWanted?: (login: Login) => boolean) => Promise<Login>;
  readonly canLogin: (login: Login) => Promise<boolean>;
  readonly isGone: (login: Login) => Promise<boolean>;
  /** The one live session of a pod, `namespace/name`, as `leasehold session list` prints it. */
  readonly sessionOf: (pod: string) => Promise<unknown>;
  /** The session of that pod once the broker, which was started again, has its sidecar back. */
  readonly whenBack: (pod: string, holder: Holder) => Promise<unknown>;
}

export const createPods = (currentSite: () => Site): Pods => {
  const seen: Pods['seen'] = async (holder, what, condition) => {
    try {
      await waitFor(what, condition);
    } catch (cause) {
      const said = [holder.process.lastOutput(), currentSite().brokerOutput()].join('\n');
      throw new Error(`waited in vain for ${what}:\n${said}`, { cause });
    }
  };
  const sessionOf: Pods['sessionOf'] = async (pod) => {
    const listed = await currentSite().command('session', 'list', '--pod', pod, '--output', 'json');
    expect(listed.status, listed.stderr).toBe(0);
    const sessions: unknown = valueAt(JSON.parse(listed.stdout), 'sessions');
    if (!Array.isArray(sessions) || sessions.length !== 1) throw new Error('not one session');
    const [session] = sessions as readonly unknown[];
    return session;
  };
  return {
    seen,
    run: async (name, { cluster = currentSite().one, serviceAccount = 'app' } = {}) => {
      const pod = await cluster.createPod({ namespace: 'shop', name, serviceAccount });
      await cluster.setPodStatus({ ...pod, phase: 'Running' });
      return pod;
    },
    hold: async (pod, { cluster = currentSite().one, ...options } = {}) => {
      const token = await cluster.createBoundToken({ ...pod, audience });
      return startHolder({ site: currentSite().files, token, ...options });
    },
    loginOf: async (holder, isWanted = () => true) => {
      let found: Login | undefined;
      await seen(holder, 'the files', async () => {
        if (holder.process.exited) throw new Error(`the sidecar ended:\n${holder.process.lastOutput()}`);
        found = await holder.readLogin();
        return found !== undefined && isWanted(found);
      });
      if (found === undefined) throw new Error('no files');
      return found;
    },
    canLogin: ({ username, password }) => currentSite().parts.canLogin(username, password),
    isGone: async ({ username }) => !(await currentSite().parts.roleExists(username)),
    sessionOf,
    whenBack: async (pod, holder) => {
      await seen(holder, 'the sidecar to be back', async () => {
        const holders = valueAt(await sessionOf(pod), 'holders');
        return Array.isArray(holders) && holders.some((one) => valueAt(one, 'attached') === true);
      });
      return sessionOf(pod);
    },
  };
};
