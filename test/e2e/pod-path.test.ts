import { afterAll, beforeAll, expect, it } from 'vitest';
import { textAt, valueAt } from '../support/json.ts';
import { exampleSecret } from '../support/parts/vault-with-postgres.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeVaults } from '../support/require.ts';
import { startHolder } from './holder.ts';
import { createPods } from './pods.ts';
import { startProgram } from './program.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';
import { audience } from './site-files.ts';

describeVaults(
  ['postgres', 'kubernetes'],
  (title) => `a pod on a real site with ${title}`,
  (product) => {
    let site: Site;
    beforeAll(async () => {
      site = await startSite({ product });
    });
    afterAll(async () => {
      await site[Symbol.asyncDispose]();
    });

    const pods = createPods(() => site);
    const { hold, seen, loginOf, canLogin, isGone, sessionOf, whenBack } = pods;
    const runPod = pods.run;
    /** The reply's code, the record, no file, and nothing asked of Vault. */
    const expectRefused = async (token: string, ...codes: readonly string[]) => {
      const answered = (output: string) => codes.find((code) => output.includes(`"code":"${code}"`));
      const requestsBefore = await site.vaultRequests();
      await using holder = await startHolder({ site: site.files, token });
      await seen(holder, 'the refusal', async () => answered(holder.process.lastOutput()) !== undefined);
      // Of strangers only the first of a kind in a window is recorded: it may be an earlier one's.
      await seen(holder, 'the record', async () => {
        const code = answered(holder.process.lastOutput());
        const records = await site.auditRecords();
        return records.some(
          (record) => valueAt(record, 'outcome') === 'refused' && valueAt(record, 'code') === code,
        );
      });
      expect(await holder.list()).toEqual([]);
      expect((await site.vaultRequests()).slice(requestsBefore.length)).toEqual([]);
    };

    // First, while nobody holds anything: every request that Vault sees is then theirs.
    it('is refused without a grant, with a record and without a call to Vault', async () => {
      const pod = await runPod('stranger', { serviceAccount: 'stranger' });
      await expectRefused(await site.one.createBoundToken({ ...pod, audience }), 'not_granted');
    });

    it('is refused with a token for another audience, with a record and without a call to Vault', async () => {
      const pod = await runPod('audience');
      await expectRefused(
        await site.one.createBoundToken({ ...pod, audience: 'leasehold-other' }),
        'credential_wrong_audience',
      );
    });

    it('is refused in the second cluster by a grant for the first', async () => {
      const pod = await runPod('local', { cluster: site.two, serviceAccount: 'local' });
      await expectRefused(await site.two.createBoundToken({ ...pod, audience }), 'not_granted');
    });

    it('is refused with garbage in place of a token', async () => {
      await expectRefused('not.a.token', 'credential_malformed');
    });

    it('is refused with a token that is bound to no pod', async () => {
      const token = await site.one.createUnboundToken({ namespace: 'shop', serviceAccount: 'app', audience });
      await expectRefused(token, 'credential_not_bound');
    });

    it('is refused with a token that lives too long', async () => {
      const pod = await runPod('long');
      const token = await site.one.createBoundToken({ ...pod, audience, expirationSeconds: 86_400 });
      await expectRefused(token, 'credential_lifetime');
    });

    it('is refused with the token of a deleted pod whose name is in use again', async () => {
      const pod = await runPod('again');
      const token = await site.one.createBoundToken({ ...pod, audience });
      await site.one.deletePod(pod);
      await runPod('again');
      // Which of the two depends on whether the watch had seen the first pod before it went.
      await expectRefused(token, 'workload_ended', 'workload_unknown');
    });

    it('is refused a first session while it terminates', async () => {
      const pod = await runPod('leaving');
      const token = await site.one.createBoundToken({ ...pod, audience });
      await site.one.deletePod(pod, { gracePeriodSeconds: 600 });
      await expectRefused(token, 'workload_terminating');
    });

    it('is refused after it has finished', async () => {
      const pod = await runPod('finished');
      const token = await site.one.createBoundToken({ ...pod, audience });
      await site.one.setPodStatus({ ...pod, phase: 'Succeeded' });
      await expectRefused(token, 'workload_ended');
    });

    it('is refused while a lock names it', async () => {
      const pod = await runPod('locked');
      const token = await site.one.createBoundToken({ ...pod, audience });
      const add = await site.command('lock', 'add', '--pod', 'shop/locked', '--reason', 'drill', '--yes');
      expect(add.status, add.stderr).toBe(0);
      await expectRefused(token, 'locked');
    });

    it('gets files whose password logs in to the database', async () => {
      await using holder = await hold(await runPod('files'));
      const login = await loginOf(holder);
      expect(await canLogin(login)).toBe(true);
      expect(await canLogin({ ...login, password: `${login.password}x` })).toBe(false);
      expect(JSON.parse((await holder.readFile('kv.json')) ?? '')).toEqual(exampleSecret);
    });

    it('loses role and files by a revoke', async () => {
      await using holder = await hold(await runPod('revoked'));
      const login = await loginOf(holder);
      const revoke = await site.command(
        ...['revoke', '--pod', 'shop/revoked', '--reason', 'suspected leak', '--yes', '--wait', '30s'],
      );
      expect(revoke.status, revoke.stderr).toBe(0);
      expect(await isGone(login)).toBe(true);
      await seen(holder, 'the files to go', async () => (await holder.list()).length === 0);
    });

    it('loses role and files when it is deleted', async () => {
      const pod = await runPod('deleted');
      await using holder = await hold(pod);
      const login = await loginOf(holder);
      await site.one.deletePod(pod);
      await seen(holder, 'the role to go', () => isGone(login));
      await seen(holder, 'the files to go', async () => (await holder.list()).length === 0);
    });

    it('has a new role after a rotation, and the old one until its program has taken the new one over', async () => {
      await using program = await startProgram();
      await using holder = await hold(await runPod('rotated'), { notify: program.url });
      const before = await loginOf(holder);
      await waitFor('the first acknowledgement', async () => program.told() > 0);
      program.setWilling(false);
      const asked = program.told();
      const rotate = await site.command('rotate', '--pod', 'shop/rotated', '--reason', 'drill', '--yes');
      expect(rotate.status, rotate.stderr).toBe(0);
      const after = await loginOf(holder, ({ username }) => username !== before.username);
      await waitFor('the program to be told', async () => program.told() > asked);
      expect(await canLogin(after)).toBe(true);
      expect(await canLogin(before)).toBe(true);
      program.setWilling(true);
      await seen(holder, 'the old role to go', () => isGone(before));
      expect(await canLogin(after)).toBe(true);
    });

    it('keeps session, files and role when the broker is killed and started again', async () => {
      const pod = await runPod('kept');
      await using holder = await hold(pod);
      const login = await loginOf(holder);
      const before = await sessionOf('shop/kept');
      await site.killAndRestartBroker();
      const after = await whenBack('shop/kept', holder);
      expect(textAt(after, 'id')).toBe(textAt(before, 'id'));
      expect(valueAt(after, 'generation')).toBe(valueAt(before, 'generation'));
      expect(await holder.readLogin()).toEqual(login);
      expect(await canLogin(login)).toBe(true);
      await site.one.deletePod(pod);
      await seen(holder, 'the role to go', () => isGone(login));
    });

    it('loses role and files although it was deleted while no broker ran', async () => {
      const pod = await runPod('forgotten');
      await using holder = await hold(pod);
      const login = await loginOf(holder);
      await site.killAndRestartBroker(() => site.one.deletePod(pod));
      await seen(holder, 'the role to go', () => isGone(login));
      await seen(holder, 'the files to go', async () => (await holder.list()).length === 0);
    });

    it('is granted in the first cluster what it is refused in the second', async () => {
      await using holder = await hold(await runPod('local', { serviceAccount: 'local' }));
      expect(await canLogin(await loginOf(holder))).toBe(true);
    });

    it('shares nothing with a pod of the same name in another cluster', async () => {
      const [first, second] = [await runPod('twin'), await runPod('twin', { cluster: site.two })];
      await using firstHolder = await hold(first);
      await using secondHolder = await hold(second, { cluster: site.two });
      const [firstLogin, secondLogin] = [await loginOf(firstHolder), await loginOf(secondHolder)];
      expect(firstLogin.username).not.toBe(secondLogin.username);
      await site.two.deletePod(second);
      await waitFor('the role of the deleted pod to go', () => isGone(secondLogin));
      expect(await canLogin(firstLogin)).toBe(true);
      expect(await firstHolder.readLogin()).toEqual(firstLogin);
    });

    it('has left an audit log whose chain verifies', async () => {
      const verify = await site.verifyAudit();
      expect(verify.status, verify.stderr).toBe(0);
    });
  },
);
