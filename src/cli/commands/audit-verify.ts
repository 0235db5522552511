import type { AuditFault } from '../../audit/verify.ts';
import { auditFilesArgument, requireReadable } from '../audit-files.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { renderFacts } from '../table.ts';
import { WrongUse } from '../wrong-use.ts';

const rules: Readonly<Record<AuditFault['rule'], string>> = {
  not_a_record: 'the line is not a record',
  not_canonical: 'the line is not as a broker writes it',
  other_chain: 'the record belongs to another chain',
  gap: 'a record is missing before it, or it stands at the wrong place',
  broken_link: 'the record before it was changed',
  torn: 'the last line is not complete',
  head_missing: 'no record has the hash given with --head: the end was cut off, or all was rewritten',
};

export const auditVerify = defineCommand({
  name: 'audit verify',
  summary: 'prove that an audit log was not edited',
  details: [
    'Follows the hash chain through the files, in the order given. It proves that no record in between was changed, removed or added. That the end was not cut off shows only against a head noted earlier and kept elsewhere: give it with --head.',
    'The exit status is 1 when the chain does not hold. Nothing after the first fault can be trusted.',
  ],
  arguments: auditFilesArgument,
  options: {
    head: {
      kind: 'text',
      value: 'HEX',
      help: 'hash that an earlier verification printed; some record must have it',
    },
    ...outputOption,
  },
  examples: [
    'leasehold audit verify /var/lib/leasehold/audit.jsonl',
    'leasehold audit verify audit-2026-01.jsonl audit-2026-02.jsonl --head 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  ],
  run: async ({ args, options }, world) => {
    const head = options.head?.toLowerCase();
    if (head !== undefined && !/^[0-9a-f]{64}$/.test(head))
      throw new WrongUse('--head needs 64 hexadecimal digits');
    await requireReadable(args.file);
    const { verifyAudit } = await import('../../audit/verify.ts');
    const verdict = await verifyAudit({
      files: args.file,
      ...(head === undefined ? {} : { expectedHead: head }),
    });
    await print(world, options.output, {
      data: {
        ok: verdict.ok,
        records: verdict.records,
        chain: verdict.ok && verdict.records > 0 ? verdict.chain : null,
        head: verdict.ok && verdict.records > 0 ? verdict.head : null,
        fault: verdict.ok ? null : verdict.fault,
      },
      table: ({ isColoured }) =>
        verdict.ok
          ? renderFacts(
              [
                ['Chain', { text: 'holds', colour: 'green' }],
                ['Records', String(verdict.records)],
                ['Id', verdict.chain],
                ['Head', verdict.records === 0 ? '' : verdict.head],
              ],
              isColoured,
            )
          : renderFacts(
              [
                ['Chain', { text: 'does not hold', colour: 'red' }],
                ['File', verdict.fault.file],
                ['Line', String(verdict.fault.line)],
                ['Because', rules[verdict.fault.rule]],
                ['Good before', String(verdict.records)],
              ],
              isColoured,
            ),
    });
    return verdict.ok ? exitStatus.done : exitStatus.refused;
  },
});
