import type { ChildProcess } from 'node:child_process';
import { LeaseholdError } from '../platform/error.ts';
import type { DemoReply, DemoRequest } from './messages.ts';

/** The demo's side of the channel to its broker process. */
export interface BrokerLine {
  readonly child: ChildProcess;
  ready(): Promise<{ readonly workloads: string; readonly admin: string }>;
  addPod(name: string, serviceAccount: string): Promise<{ readonly uid: string; readonly token: string }>;
  canLogin(login: { readonly username: string; readonly password: string }): Promise<boolean>;
}

type Ask = DemoRequest extends infer R ? (R extends DemoRequest ? Omit<R, 'id'> : never) : never;

export function createBrokerLine(child: ChildProcess, timeoutMs: number): BrokerLine {
  let lastId = 0;
  const waitFor = <T>(pick: (reply: DemoReply) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const fail = (detail: string) => {
        end();
        reject(new LeaseholdError('internal', { detail }));
      };
      const onMessage = (message: unknown) => {
        // Both ends of the channel are this program.
        const picked = pick(message as DemoReply);
        if (picked === undefined) return;
        end();
        resolve(picked);
      };
      const onExit = () => fail('the broker process ended');
      const timer = setTimeout(() => fail('the broker process does not answer'), timeoutMs);
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  const ask = <T>(request: Ask, pick: (reply: DemoReply) => T | undefined): Promise<T> => {
    lastId += 1;
    const id = lastId;
    const answer = waitFor((reply) => ('id' in reply && reply.id === id ? pick(reply) : undefined));
    child.send({ ...request, id });
    return answer;
  };
  const started = waitFor((reply) => ('ready' in reply ? reply.ready : undefined));
  return {
    child,
    ready: () => started,
    addPod: (name, serviceAccount) =>
      ask({ ask: 'add_pod', name, serviceAccount }, (reply) => ('token' in reply ? reply : undefined)),
    canLogin: ({ username, password }) =>
      ask({ ask: 'can_login', username, password }, (reply) =>
        'canLogin' in reply ? reply.canLogin : undefined,
      ),
  };
}
