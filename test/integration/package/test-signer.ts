import { brokerChannel } from '../../../src/rpc/client/channel.ts';
import { loadRunApi } from '../../../src/rpc/proto.ts';
import type { SlurmBroker } from '../../support/slurm-broker.ts';
import { ask } from '../../unit/rpc/server-world.ts';

/** What the signer says to the broker of job 12, which runs on n1 alone. */
export function createSigner(broker: SlurmBroker, start: number) {
  const pair = broker.signerCertificate();
  const { target, credentials, options } = brokerChannel({
    address: broker.nodes,
    ca: Buffer.from(broker.ca.certificate),
    clientCertificate: { certificate: Buffer.from(pair.certificate), key: Buffer.from(pair.key) },
  });
  const client = new (loadRunApi().leasehold.v1.RunService)(target, credentials, options);
  return {
    register: async () => {
      const assertion = Buffer.from(await broker.assertion({ start, nodes: ['n1'] }));
      await ask((deadline, answer) =>
        client.registerRun({ assertion, requestedBundles: [] }, deadline, answer),
      );
    },
    end: () => ask((deadline, answer) => client.endRun({ run: { jobId: 12, start } }, deadline, answer)),
    [Symbol.dispose]: () => client.close(),
  };
}
