import { startFakeBroker, type FakeBroker, type FakeStream } from '../../unit/sidecar/fake-broker.ts';
import { generation, opened, runWelcome } from '../../unit/sidecar/messages.ts';

/** A broker of one run with one bundle, which answers as a real one does, over as many streams as come. */
export interface AnsweringBroker extends AsyncDisposable {
  readonly at: FakeBroker;
  /** What the run's files hold now. */
  login(): { readonly user: string; readonly password: string };
  /** The next generation, told on the stream that stands. */
  rotate(): void;
  /** Takes the files back, as an administrator does. */
  revoke(): void;
  /** Generations that were acknowledged. */
  readonly delivered: readonly string[];
  /** Sessions whose files are wiped, by the holder's word. */
  readonly wiped: ReadonlySet<string>;
}

const idOf = (number: number) => `gen_${'abcdefgh'.charAt(number).repeat(26)}`;

export async function startAnsweringBroker(): Promise<AnsweringBroker> {
  const at = await startFakeBroker({ wantsClients: true });
  const delivered: string[] = [];
  const wiped = new Set<string>();
  const sessions = new Set<string>();
  let number = 1;
  let standing: { readonly stream: FakeStream; readonly session: string } | undefined;
  const login = () => ({ user: `user-${number}`, password: `password-${number}` });
  const tell = (stream: FakeStream, session: string) =>
    stream.send(generation({ session, id: idOf(number), number, login: login() }));

  const open = (stream: FakeStream, asked: { readonly sessionId: string; readonly generationId: string }) => {
    const resumed = sessions.has(asked.sessionId) && !wiped.has(asked.sessionId);
    const session = resumed ? asked.sessionId : `ses_${String(sessions.size).padStart(26, 'x')}`;
    sessions.add(session);
    standing = { stream, session };
    stream.send(opened({ session, resumed }));
    if (!resumed || asked.generationId !== idOf(number)) tell(stream, session);
  };
  const serve = async (stream: FakeStream): Promise<void> => {
    void stream.over.then(() => stream.end());
    for (;;) {
      const message = await stream.take();
      if (message.hello) stream.send(runWelcome());
      if (message.open) open(stream, message.open);
      if (message.delivered) delivered.push(message.delivered.generationId);
      if (message.wiped) wiped.add(message.wiped.sessionId);
    }
  };
  void (async () => {
    for (;;) void serve(await at.nextStream());
  })();
  return {
    at,
    login,
    rotate: () => {
      number += 1;
      if (standing !== undefined) tell(standing.stream, standing.session);
    },
    revoke: () =>
      standing?.stream.send({
        revoked: { sessionId: standing.session, reason: 'REVOKE_REASON_ADMIN', mayReopen: false },
      }),
    delivered,
    wiped,
    [Symbol.asyncDispose]: () => at[Symbol.asyncDispose](),
  };
}
