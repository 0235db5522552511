import { auditFilterOf, auditFilterOptions } from '../audit-filter.ts';
import { allFilesOf, auditFilesArgument } from '../audit-files.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { lookOf, outputOption, printNext } from '../output.ts';
import { createRowPrinter } from '../table.ts';

const head = ['AT', 'ACTION', 'OUTCOME', 'ACTOR', 'POD', 'BUNDLE', 'SESSION', 'DETAIL'];
const usual = [24, 15, 7, 16, 20, 12, 30];

export const auditShow = defineCommand({
  name: 'audit show',
  summary: 'print records of an audit log',
  details: [
    'Reads the files where it runs; no broker is asked. Given conditions must all match, exactly. It does not judge what it reads: `leasehold audit verify` does.',
    'As JSON, one record on each line, as it stands in the file; as YAML, one document for each record.',
  ],
  arguments: auditFilesArgument,
  options: {
    ...auditFilterOptions,
    ...outputOption,
  },
  examples: [
    'leasehold audit show /var/lib/leasehold/audit.jsonl --pod shop/api-7f9c --since 2h',
    'leasehold audit show audit.jsonl --namespace shop --action revoke',
    'leasehold audit show audit.jsonl --session ses_01jq6x0d3v8k2m4n5p6r7s8t9w --output json',
  ],
  run: async ({ args, options }, world) => {
    const filter = auditFilterOf(options, world.clock.now());
    const files = await allFilesOf(args.file);
    const { readAudit } = await import('../../audit/read.ts');
    const row = createRowPrinter({ head, usual, isColoured: lookOf(world.stdio.out, world).isColoured });
    let count = 0;
    for await (const record of readAudit({ files, filter })) {
      if (world.interrupted.aborted) return exitStatus.refused;
      count += 1;
      await printNext(world, options.output, {
        // In the order of the file, so that a line is the one that was hashed.
        data: Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))),
        table: () =>
          row([
            record.at,
            record.action,
            record.outcome === 'ok' ? record.outcome : { text: record.outcome, colour: 'red' },
            shortActor(record.actor) ?? record.peer ?? '',
            record.pod ?? (record.job === undefined ? '' : `job ${record.job}`),
            record.bundle ?? '',
            record.session ?? '',
            detailOf(record),
          ]),
      });
    }
    if (count === 0) world.stdio.err.write('no record matches\n');
    return exitStatus.done;
  },
});

/** A workload is named by its pod in the next column; its whole id would push all others off the screen. */
function shortActor(actor: string | undefined): string | undefined {
  return actor?.startsWith('spiffe://') === true ? 'workload' : actor;
}

interface Details {
  readonly code?: string | undefined;
  readonly settlement?: string | undefined;
  readonly rule?: string | undefined;
  readonly count?: number | undefined;
  readonly reason?: string | undefined;
}

/** What else a person wants to know first; all of a record is in its JSON. */
function detailOf({ code, settlement, rule, count, reason }: Details): string {
  return [code, settlement, rule, count === undefined ? undefined : `count ${count}`, reason]
    .filter((part) => part !== undefined)
    .join(', ');
}
