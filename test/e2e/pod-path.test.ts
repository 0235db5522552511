import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleSecret } from '../support/parts/vault-with-postgres.ts';
import type { TestKubernetes } from '../support/parts/kubernetes.ts';
import type { TestPod } from '../support/parts/kubernetes-objects.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import type { Holder, Login } from './holder.ts';
import { startHolder } from './holder.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';
import { audience } from './site-files.ts';

describeWith(
  ['vault', 'postgres', 'kubernetes'],
  'a pod that holds a database account and a KV secret',
  () => {
    let site: Site;
    beforeAll(async () => {
      site = await startSite();
    });
    afterAll(async () => {
      await site[Symbol.asyncDispose]();
    });

    const runPod = async (name: string, cluster: TestKubernetes = site.one): Promise<TestPod> => {
      const pod = await cluster.createPod({ namespace: 'shop', name, serviceAccount: 'app' });
      await cluster.setPodStatus({ ...pod, phase: 'Running' });
      return pod;
    };
    const hold = async (pod: TestPod, options: { readonly notify?: string } = {}): Promise<Holder> =>
      startHolder({
        site: site.files,
        token: await site.one.createBoundToken({ ...pod, audience }),
        ...options,
      });
    const loginOf = async (
      holder: Holder,
      isWanted: (login: Login) => boolean = () => true,
    ): Promise<Login> => {
      let found: Login | undefined;
      await waitFor('the files', async () => {
        if (holder.process.exited) throw new Error(`the sidecar ended:\n${holder.process.lastOutput()}`);
        found = await holder.readLogin();
        return found !== undefined && isWanted(found);
      });
      if (found === undefined) throw new Error('no files');
      return found;
    };

    it('gets files whose password logs in to the database', async () => {
      await using holder = await hold(await runPod('files'));
      const login = await loginOf(holder);
      expect(await site.parts.canLogin(login.username, login.password)).toBe(true);
      expect(await site.parts.canLogin(login.username, `${login.password}x`)).toBe(false);
      expect(JSON.parse((await holder.readFile('kv.json')) ?? '')).toEqual(exampleSecret);
    });
    describe('that loses them', () => {
      it('after a revoke: the database has no such role any more, and the files are gone', async () => {
        await using holder = await hold(await runPod('revoked'));
        const { username } = await loginOf(holder);
        const revoke = await site.command(
          ...['revoke', '--pod', 'shop/revoked', '--reason', 'suspected leak', '--yes', '--wait', '30s'],
        );
        expect(revoke.status, revoke.stderr).toBe(0);
        expect(await site.parts.roleExists(username)).toBe(false);
        await waitFor('the files to go', async () => (await holder.list()).length === 0);
      });

      it('after the deletion of the pod: role and files are gone', async () => {
        const pod = await runPod('deleted');
        await using holder = await hold(pod);
        const { username } = await loginOf(holder);
        await site.one.deletePod(pod);
        await waitFor('the role to go', async () => !(await site.parts.roleExists(username)));
        await waitFor('the files to go', async () => (await holder.list()).length === 0);
      });
    });
  },
);
