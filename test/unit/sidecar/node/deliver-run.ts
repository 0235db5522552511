import type { FakeBroker, FakeStream } from '../fake-broker.ts';
import { generation, opened, runWelcome } from '../messages.ts';

/** The next stream of the agent gets what job 7 is granted. */
export async function deliverRun(broker: FakeBroker): Promise<FakeStream> {
  const stream = await broker.nextStream();
  await stream.next('hello');
  stream.send(runWelcome());
  await stream.next('open');
  stream.send(opened({}));
  stream.send(generation({ login: { user: 'u', password: 'p' } }));
  await stream.next('delivered');
  return stream;
}
