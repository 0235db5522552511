import { auditFilterOf, auditFilterOptions } from '../audit-filter.ts';
import { allFilesOf, auditFilesArgument } from '../audit-files.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { toJson } from '../output.ts';

export const auditExport = defineCommand({
  name: 'audit export',
  summary: 'write records of an audit log for another program',
  details: [
    'Reads the files where it runs; no broker is asked. Given conditions must all match. It does not judge what it reads: `leasehold audit verify` does.',
    'As jsonl, one record on each line, as it stands in the file. As csv, one column for each field (RFC 4180), lists separated by spaces; a cell that a spreadsheet would take for a formula begins with an apostrophe.',
  ],
  arguments: auditFilesArgument,
  options: {
    ...auditFilterOptions,
    format: {
      kind: 'choice',
      value: 'FORMAT',
      help: 'how to write: jsonl or csv',
      choices: ['jsonl', 'csv'],
      default: 'jsonl',
    },
  },
  examples: [
    'leasehold audit export /var/lib/leasehold/audit.jsonl --since 2026-01-01 --until 2026-02-01 > january.jsonl',
    'leasehold audit export audit.jsonl --action revoke --format csv > revocations.csv',
  ],
  run: async ({ args, options }, world) => {
    const filter = auditFilterOf(options, world.clock.now());
    const files = await allFilesOf(args.file);
    const { readAudit } = await import('../../audit/read.ts');
    const { auditRecordSchema } = await import('../../audit/record.ts');
    const columns = Object.keys(auditRecordSchema.shape);
    if (options.format === 'csv') world.stdio.out.write(`${columns.join(',')}\r\n`);
    for await (const record of readAudit({ files, filter })) {
      if (world.interrupted.aborted) return exitStatus.refused;
      const facts = new Map<string, unknown>(Object.entries(record));
      world.stdio.out.write(
        options.format === 'csv'
          ? `${columns.map((column) => cell(facts.get(column))).join(',')}\r\n`
          : `${toJson(Object.fromEntries([...facts].sort(([a], [b]) => (a < b ? -1 : 1))), 0)}\n`,
      );
    }
    return exitStatus.done;
  },
});

/** Names and reasons come from outside: a spreadsheet must not compute them. */
function cell(value: unknown): string {
  const text = Array.isArray(value) ? value.join(' ') : typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return '';
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
