import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { loadRunApi } from '../../../src/rpc/proto.ts';
import { connectBroker } from '../../../src/slurm/broker-client.ts';
import { createTestCa } from '../../support/certificates.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const hookMs = 10_000;

/** Brokers that keep how long each call may take, and a client of theirs. All but the last one are in trouble. */
async function createBrokers(count: number) {
  const folder = await createTempFolder({ name: 'broker-client' });
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const ca = createTestCa();
  const [server, signer] = [ca.issueServer(), ca.issueClient({ commonName: 'signer' })];
  const at = (name: string) => join(folder.path, name);
  await writeFile(at('ca.crt'), ca.certificate);
  await writeFile(at('signer.crt'), signer.certificate);
  await writeFile(at('signer.key'), signer.key);
  const given: { readonly broker: number; readonly method: string; readonly ms: number }[] = [];
  const addresses: string[] = [];
  for (let broker = 1; broker <= count; broker += 1) {
    const answer =
      <Response>(response: Response) =>
      (call: ServerUnaryCall<unknown, Response>, done: (error: object | null, value?: Response) => void) => {
        const method = call.getPath().split('/').at(-1) ?? '';
        given.push({ broker, method, ms: Number(call.getDeadline()) - Date.now() });
        if (broker === count) done(null, response);
        else done({ code: status.UNAVAILABLE });
      };
    const grpc = new Server();
    grpc.addService(loadRunApi().leasehold.v1.RunService.service, {
      registerRun: answer({}),
      endRun: answer({}),
      reportRuns: answer({ ended: 3 }),
      reportUndelivered: answer({}),
      getRunMatchers: answer({}),
    });
    const pair = { private_key: Buffer.from(server.key), cert_chain: Buffer.from(server.certificate) };
    const credentials = ServerCredentials.createSsl(Buffer.from(ca.certificate), [pair], true);
    const port = await new Promise<number>((resolve, reject) => {
      grpc.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    onTestFinished(() => grpc.forceShutdown());
    addresses.push(`127.0.0.1:${port}`);
  }
  const client = await connectBroker(
    { addresses, ca: at('ca.crt'), certificate: at('signer.crt'), key: at('signer.key') },
    { timeoutMs: hookMs },
  );
  onTestFinished(() => client[Symbol.dispose]());
  return { client, given };
}

const anyTime = new AbortController().signal;

it('a hook waits for all brokers together no longer than it has, and nobody for a report, which has its time at each', async () => {
  const { client, given } = await createBrokers(2);
  await client.end({ run: { jobId: 1, start: 1 } }, anyTime);
  for (const { ms } of given.splice(0)) expect(ms).toBeLessThanOrEqual(hookMs);
  const { client: another, given: told } = await createBrokers(2);
  expect(await another.report({ asOfMs: 1, runs: [] }, anyTime)).toMatchObject({ ended: 3 });
  expect(told.map(({ broker, method }) => [broker, method])).toEqual([
    [1, 'ReportRuns'],
    [2, 'ReportRuns'],
  ]);
  for (const { ms } of told) expect(ms).toBeGreaterThan(3 * hookMs);
});
