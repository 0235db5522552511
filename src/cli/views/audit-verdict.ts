import type { AuditVerdict, FaultRule, Unchecked } from '../../audit/verify.ts';
import { type Cell, renderFacts } from '../table.ts';

const rules: Readonly<Record<FaultRule, string>> = {
  not_a_record: 'the line is not a record',
  not_canonical: 'the line is not as a broker writes it',
  other_chain: 'the record belongs to another chain',
  gap: 'a record is missing before it, or it stands at the wrong place',
  out_of_order: 'the record stands at the wrong place, or twice',
  broken_link: 'the record before it was changed',
  torn: 'the last line is not complete',
  bad_signature:
    'the signature is not by the key: something since the last good one was changed, or the head was forged',
  unsigned:
    'no head signed by a given key stands where one is due: the records were not written by the broker, or its key is not among the given ones',
  replaced: 'a head kept elsewhere says otherwise: something since the last one that agrees was replaced',
  truncated:
    'a head kept elsewhere vouches for later records: the end was cut off, or an older copy was put in place',
  head_missing: 'no record has the hash given with --head: the end was cut off, or all was rewritten',
};

const notes: Readonly<Record<Unchecked['what'], (count: number) => string>> = {
  beginning: (count) =>
    `records 1 to ${count}: they are in none of the files (--from says that this is meant)`,
  end: () => 'that the end was not cut off: give a head that was kept elsewhere with --head',
  signatures: (count) => `${heads(count)}: give the broker's public key with --key`,
  other_keys: (count) => `${heads(count)} by a key that was not given`,
  unsigned_end: (count) =>
    `${count === 1 ? 'the last record' : `the last ${count} records`}, which no signature vouches for yet`,
  other_chains: (count) => `kept heads of ${count === 1 ? 'another chain' : `${count} other chains`}`,
  unknown_heads: (count) => `${count} kept ${count === 1 ? 'head' : 'heads'} by a key that was not given`,
  unreadable_heads: (count) =>
    `${count} ${count === 1 ? 'line' : 'lines'} of the kept heads that cannot be read`,
};

function heads(count: number): string {
  return `the signatures of ${count} ${count === 1 ? 'head' : 'heads'}`;
}

/** As JSON; the keys are described in docs/cli.md. */
export function verdictData(verdict: AuditVerdict): Readonly<Record<string, unknown>> {
  const isKnown = verdict.ok && verdict.records > 0;
  return {
    ok: verdict.ok,
    records: verdict.records,
    chain: isKnown ? verdict.chain : null,
    firstSeq: isKnown ? verdict.firstSeq : null,
    lastSeq: isKnown ? verdict.lastSeq : null,
    head: isKnown ? verdict.head : null,
    vouchedSeq: verdict.vouchedSeq,
    fault: verdict.ok ? null : verdict.fault,
    unchecked: verdict.unchecked.map(({ what, count, isAsked }) => ({ what, count, asked: isAsked })),
  };
}

export function verdictText(verdict: AuditVerdict, isColoured: boolean): string {
  const facts: (readonly [string, Cell])[] = verdict.ok
    ? [
        ['Chain', { text: 'holds', colour: 'green' }],
        [
          'Records',
          verdict.records === 0 ? '0' : `${verdict.records} (${range(verdict.firstSeq, verdict.lastSeq)})`,
        ],
        ['Id', verdict.chain],
        ['Head', verdict.records === 0 ? '' : verdict.head],
      ]
    : [
        ['Chain', { text: 'does not hold', colour: 'red' }],
        ['File', verdict.fault.file],
        ['Line', String(verdict.fault.line)],
        ['Concerns', verdict.fault.seq === 0 ? '' : range(verdict.fault.seq, verdict.fault.to)],
        ['Because', rules[verdict.fault.rule]],
        ['Good before', String(verdict.records)],
      ];
  if (verdict.vouchedSeq > 0) facts.push(['Vouched for', `up to record ${verdict.vouchedSeq}`]);
  for (const { what, count } of verdict.unchecked) facts.push(['Not checked', notes[what](count)]);
  return renderFacts(facts, isColoured);
}

function range(from: number, to: number): string {
  return to <= from ? `record ${from}` : `records ${from} to ${to}`;
}
