import type { ToldRecord } from '../../audit/log-reader.ts';
import { auditFilterOf, auditFilterOptions } from '../audit-filter.ts';
import { auditFilesArgument, logsOfFiles } from '../audit-files.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { lookOf, outputOption, printNext } from '../output.ts';
import { createRowPrinter } from '../table.ts';
import { storyOf } from '../views/audit-story.ts';

const pollMs = 500;

export const auditShow = defineCommand({
  name: 'audit show',
  summary: 'tell what happened, from the records of an audit log',
  details: [
    'With --pod, --job, --user or another condition it tells the life of a workload, from its proof to the last credential that is gone. Given conditions must all match, exactly.',
    'The logs of several brokers are told as one, by time; within the log of one broker the order of its records stays, whatever its clock did.',
    'Reads the files where it runs; no broker is asked. It does not judge what it reads: `leasehold audit verify` does.',
    'As JSON, one record on each line, as it stands in the file; as YAML, one document for each record.',
  ],
  arguments: auditFilesArgument,
  options: {
    ...auditFilterOptions,
    follow: { kind: 'switch', short: 'f', help: 'go on with what is written from now on, until Ctrl-C' },
    ...outputOption,
  },
  examples: [
    'leasehold audit show /var/lib/leasehold/audit.jsonl --pod shop/api-7f9c --since 2h',
    'leasehold audit show broker-1.jsonl broker-2.jsonl --job 4711 --follow',
    'leasehold audit show audit.jsonl --namespace shop --action revoke',
    'leasehold audit show audit.jsonl --session ses_01jq6x0d3v8k2m4n5p6r7s8t9w --output json',
  ],
  run: async ({ args, options }, world) => {
    const { interrupted, clock, stdio } = world;
    const filter = auditFilterOf(options, clock.now());
    const logs = await logsOfFiles(args.file);
    const [{ createLogReader }, { mergeLogs }, { matches }] = await Promise.all([
      import('../../audit/log-reader.ts'),
      import('../../audit/merge-logs.ts'),
      import('../../audit/read.ts'),
    ]);
    const hasBrokers = logs.length > 1;
    const row = createRowPrinter({
      head: ['AT', ...(hasBrokers ? ['BROKER'] : []), 'WORKLOAD', 'BUNDLE', 'SESSION', 'WHAT HAPPENED'],
      usual: [24, ...(hasBrokers ? [12] : []), 20, 12, 30],
      isColoured: lookOf(stdio.out, world).isColoured,
    });
    const readers = logs.map((log) => createLogReader(log));
    let count = 0;
    for (;;) {
      for await (const told of mergeLogs(readers)) {
        if (interrupted.aborted) break;
        if (!matches(told.record, filter)) continue;
        count += 1;
        await printNext(world, options.output, {
          // In the order of the file, so that a line is the one that was hashed.
          data: Object.fromEntries(Object.entries(told.record).sort(([a], [b]) => (a < b ? -1 : 1))),
          table: () => row(cellsOf(told, hasBrokers)),
        });
      }
      // Ctrl-C is how following is meant to end.
      if (interrupted.aborted) return options.follow ? exitStatus.done : exitStatus.refused;
      if (!options.follow) break;
      await clock.sleep(pollMs, interrupted).catch(() => undefined);
    }
    if (count === 0) stdio.err.write('no record matches\n');
    return exitStatus.done;
  },
});

function cellsOf({ record, replica }: ToldRecord, hasBrokers: boolean) {
  const { pod, job, array, node } = record;
  const run = job === undefined ? undefined : `job ${array ?? job}`;
  return [
    record.at,
    ...(hasBrokers ? [replica ?? record.chain.slice(0, 12)] : []),
    pod ?? run ?? (node === undefined ? '' : `node ${node}`),
    record.bundle ?? '',
    record.session ?? '',
    storyOf(record),
  ];
}
