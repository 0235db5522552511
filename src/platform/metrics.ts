import type { Counter, Histogram } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { LeaseholdError } from './error.ts';
import type { CounterName, GaugeName, HistogramName, Labels } from './metric-names.ts';
import { counters, gauges, histograms } from './metric-names.ts';

/** One value of a gauge. */
export interface Reading<G extends GaugeName> {
  readonly value: number;
  readonly labels: Labels<(typeof gauges)[G]>;
}

/** What the parts of the broker measure. None of it throws or waits, so that measuring never changes what is measured. */
export interface Metrics {
  count<C extends CounterName>(counter: C, labels: Labels<(typeof counters)[C]>, by?: number): void;
  /** Seconds. */
  observe<H extends HistogramName>(
    histogram: H,
    seconds: number,
    labels: Labels<(typeof histograms)[H]>,
  ): void;
  /**
   * Called on every scrape; sources of one gauge differ in their labels. A source that fails, or is removed by the returned
   * function, leaves what it last said.
   */
  gauge<G extends GaugeName>(
    gauge: G,
    read: () => readonly Reading<G>[] | Promise<readonly Reading<G>[]>,
  ): () => void;
  /** All of it in the Prometheus text format. Throws `internal`. */
  text(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** From half a millisecond (a ledger commit) to half a minute (a queue in a storm). */
const boundariesSeconds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Meters of OpenTelemetry, read out for Prometheus. Nothing is global: two brokers in a process do not mix. */
export function createMetrics(): Metrics {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const provider = new MeterProvider({ readers: [exporter] });
  const meter = provider.getMeter('leasehold');

  const counting = new Map<string, Counter>();
  for (const [key, { name, help, labels }] of Object.entries(counters)) {
    const counter = meter.createCounter(name, { description: help });
    // A rate over a series that is not there until the first failure misses that failure.
    if (labels.length === 0) counter.add(0);
    counting.set(key, counter);
  }
  const observing = new Map<string, Histogram>();
  for (const [key, { name, help }] of Object.entries(histograms)) {
    const advice = { explicitBucketBoundaries: boundariesSeconds };
    observing.set(key, meter.createHistogram(name, { description: help, advice }));
  }
  const reading = new Map(
    Object.entries(gauges).map(([key, { name, help }]) => [
      key,
      meter.createObservableGauge(name, { description: help }),
    ]),
  );

  const metrics: Metrics = {
    count: (counter, labels, by = 1) => counting.get(counter)?.add(by, labels),
    observe: (histogram, seconds, labels) => observing.get(histogram)?.record(Math.max(0, seconds), labels),
    gauge: (gauge, read) => {
      const instrument = reading.get(gauge);
      const callback: Parameters<NonNullable<typeof instrument>['addCallback']>[0] = async (result) => {
        for (const { value, labels } of await read()) result.observe(value, labels);
      };
      instrument?.addCallback(callback);
      return () => instrument?.removeCallback(callback);
    },
    text: async () => {
      try {
        const { resourceMetrics } = await exporter.collect();
        return serializer.serialize(resourceMetrics);
      } catch (error) {
        throw LeaseholdError.from(error);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await provider.shutdown();
    },
  };
  return metrics;
}

/** For code that is used without metrics. */
export const silentMetrics: Metrics = {
  count: () => undefined,
  observe: () => undefined,
  gauge: () => () => undefined,
  text: () => Promise.resolve(''),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
