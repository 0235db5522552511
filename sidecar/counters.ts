/** What has happened in this process, for `/metrics`. */
export const counterNames = [
  'connections_total',
  'connection_failures_total',
  'generations_delivered_total',
  'generations_unchanged_total',
  'delivery_failures_total',
  'notification_failures_total',
  'refusals_total',
  'redirects_refused_total',
  'wipes_total',
] as const;

export type CounterName = (typeof counterNames)[number];

export interface Counters {
  add(name: CounterName): void;
  read(name: CounterName): number;
  /** Prometheus text format. */
  render(): string;
}

export function createCounters(): Counters {
  const counts = new Map<CounterName, number>();
  const read = (name: CounterName) => counts.get(name) ?? 0;
  return {
    read,
    add: (name) => void counts.set(name, read(name) + 1),
    render: () =>
      counterNames
        .map((name) => `# TYPE leasehold_sidecar_${name} counter\nleasehold_sidecar_${name} ${read(name)}\n`)
        .join(''),
  };
}
