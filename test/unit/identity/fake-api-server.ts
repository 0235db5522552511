import type { KubeClient } from '../../../src/identity/kube-client.ts';
import { WatchRefused } from '../../../src/identity/kube-client.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';

type Pod = Record<string, unknown>;

interface OpenWatch {
  readonly query: Readonly<Record<string, string>>;
  readonly queue: (string | Error | undefined)[];
  wake: () => void;
}

/** The API server's list, get and watch of pods, with the test deciding when anything happens. */
export class FakeApiServer implements KubeClient {
  readonly requests: string[] = [];
  readonly pods = new Map<string, Pod>();
  resourceVersion = 100;
  /** Statuses that the next requests are answered with instead. */
  readonly failures: number[] = [];
  pageSize = Number.POSITIVE_INFINITY;
  /** Called before a list page or a get is answered. */
  beforeAnswer: () => Promise<void> | void = () => undefined;
  #watches = new Set<OpenWatch>();

  async get(path: string, options: Parameters<KubeClient['get']>[1]) {
    const { query } = options;
    this.requests.push(`GET ${path}${query['continue'] === undefined ? '' : ` from ${query['continue']}`}`);
    await this.beforeAnswer();
    const failure = this.failures.shift();
    if (failure !== undefined) return { status: failure, body: Buffer.from('{"kind":"Status"}') };
    if (path === '/api/v1/pods') return { status: 200, body: this.#page(Number(query['continue'] ?? 0)) };
    const pod = this.pods.get(path.split('/').at(-1) ?? '');
    return pod === undefined
      ? { status: 404, body: Buffer.from('{"kind":"Status"}') }
      : { status: 200, body: Buffer.from(JSON.stringify(pod)) };
  }

  #page(start: number): Buffer {
    const all = [...this.pods.values()];
    const items = all.slice(start, start + this.pageSize);
    const end = start + items.length;
    const metadata = {
      resourceVersion: String(this.resourceVersion),
      ...(end < all.length ? { continue: String(end) } : {}),
    };
    return Buffer.from(JSON.stringify({ kind: 'PodList', metadata, items }));
  }

  async *watch(
    _path: string,
    options: Parameters<KubeClient['watch']>[1],
  ): AsyncGenerator<string, void, undefined> {
    this.requests.push(`WATCH ${options.query['resourceVersion'] ?? ''}`);
    const failure = this.failures.shift();
    if (failure !== undefined) throw new WatchRefused(failure);
    const watch: OpenWatch = { query: options.query, queue: [], wake: () => undefined };
    this.#watches.add(watch);
    const abort = () => {
      watch.queue.push(new LeaseholdError('identity_unavailable'));
      watch.wake();
    };
    options.signal.addEventListener('abort', abort, { once: true });
    try {
      for (;;) {
        while (watch.queue.length === 0) await new Promise<void>((resolve) => (watch.wake = resolve));
        const next = watch.queue.shift();
        if (next === undefined) return;
        if (next instanceof Error) throw next;
        yield next;
      }
    } finally {
      options.signal.removeEventListener('abort', abort);
      this.#watches.delete(watch);
    }
  }

  close(): void {
    this.end();
  }

  get watching(): number {
    return this.#watches.size;
  }

  get lastQuery(): Readonly<Record<string, string>> {
    return [...this.#watches].at(-1)?.query ?? {};
  }

  /** Sends an event to the open watch. */
  event(type: string, object: unknown): void {
    this.raw(JSON.stringify({ type, object }));
  }

  bookmark(): void {
    this.event('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: String(this.resourceVersion) } });
  }

  raw(line: string): void {
    this.#push(line);
  }

  /** The server ends the watch, as it does when its time is up. */
  end(): void {
    this.#push(undefined);
  }

  /** The connection breaks. */
  cut(): void {
    this.#push(new LeaseholdError('identity_unavailable', { detail: 'watch broke off' }));
  }

  #push(item: string | Error | undefined): void {
    for (const watch of this.#watches) {
      watch.queue.push(item);
      watch.wake();
    }
  }
}
