import type { LogReader, ToldRecord } from './log-reader.ts';

/**
 * What several logs have to tell since the last time, by the time of each record. Within a log the order of its chain stays, so a clock that was set back
 * moves no record before the ones that it followed.
 */
export async function* mergeLogs(readers: readonly LogReader[]): AsyncGenerator<ToldRecord> {
  const sources = readers.map((reader) => ({ records: reader.next(), latest: '' }));
  try {
    const heads = new Map<(typeof sources)[number], ToldRecord>();
    const advance = async (source: (typeof sources)[number]) => {
      const read = await source.records.next();
      if (read.done === true) heads.delete(source);
      else {
        heads.set(source, read.value);
        if (read.value.record.at > source.latest) source.latest = read.value.record.at;
      }
    };
    for (const source of sources) await advance(source);
    for (;;) {
      const [first] = [...heads.keys()].toSorted((a, b) =>
        a.latest < b.latest ? -1 : a.latest > b.latest ? 1 : 0,
      );
      const told = first === undefined ? undefined : heads.get(first);
      if (first === undefined || told === undefined) return;
      yield told;
      await advance(first);
    }
  } finally {
    for (const { records } of sources) await records.return(undefined);
  }
}
