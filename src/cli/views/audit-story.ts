import type { AuditAction } from '../../audit/audit.ts';
import type { ReadRecord } from '../../audit/record.ts';
import type { Cell } from '../table.ts';

type Sentence = (record: ReadRecord) => string;

const list = (items: readonly string[] | undefined): string => (items ?? []).join(', ');
const of = ({ paths }: ReadRecord): string => (paths === undefined ? '' : `: ${list(paths)}`);
const because = ({ reason }: ReadRecord): string => (reason === undefined ? '' : `: ${reason}`);
const byRule = ({ rule }: ReadRecord): string => (rule === undefined ? '' : ` by rule ${rule}`);
const at = ({ holder, pod }: ReadRecord): string =>
  holder === undefined || pod !== undefined ? 'the workload' : holder;
const by = ({ actor }: ReadRecord): string =>
  actor === undefined ? 'somebody' : actor.startsWith('spiffe://') ? 'the workload' : actor;

const ofNode = ({ node }: ReadRecord): string => (node === undefined ? '' : ` for node ${node}`);

/** What an action means when it went well. */
const sentences: Readonly<Record<AuditAction, Sentence>> = {
  attach: (record) => `${at(record)} proved itself as ${record.spiffeId ?? 'somebody'}`,
  open: (record) =>
    record.session === undefined
      ? `granted${byRule(record)}`
      : record.generation === undefined
        ? `taken up again by ${at(record)}, without its files`
        : `taken up again by ${at(record)}, with its files`,
  issue: (record) => `credentials made${of(record)}`,
  deliver: (record) => `values sent to ${at(record)}${of(record)}`,
  delivered: (record) => `${at(record)} has the files in place`,
  rotate: (record) => `new credentials in place of the ones before${of(record)}`,
  revoke: (record) => `ended by ${by(record)}${because(record)}`,
  settle: (record) => `credentials over: ${settled(record)}`,
  wiped: (record) => `${at(record)} has removed the files`,
  lock_add: (record) => `locked by ${by(record)}${selected(record)}${because(record)}`,
  lock_remove: (record) => `unlocked by ${by(record)}${because(record)}`,
  tombstone_lift: (record) => `may be lent again, says ${by(record)}${because(record)}`,
  write_off: (record) => `given up by ${by(record)}${of(record)}${because(record)}`,
  explain: (record) => `${by(record)} asked which rule decides${byRule(record)}`,
  admin_read: (record) => `${by(record)} looked${selected(record)}`,
  admin_refused: () => 'an administrator was refused',
  policy_reload: (record) =>
    `policy${record.policyRevision === undefined ? '' : ` ${record.policyRevision}`} is in force`,
  run_register: (record) => `${by(record)} registered the run of ${record.user ?? 'somebody'}`,
  run_end: (record) => `the run has ended${because(record)}`,
  run_report: (record) => `${by(record)} reported its runs`,
  run_undelivered: (record) =>
    `node${record.node === undefined ? '' : ` ${record.node}`} could not deliver the files${because(record)}`,
  run_cancel: (record) => `${by(record)} cancelled the job${because(record)}`,
  node_key: (record) => `node${record.node === undefined ? '' : ` ${record.node}`} has a new key`,
  enrol_token: (record) => `${by(record)} made an enrolment token${ofNode(record)}`,
  enrol_token_withdraw: (record) =>
    record.node === undefined
      ? `${by(record)} withdrew all unused enrolment tokens of ${record.selector ?? 'a cluster'}, ${record.count ?? 0} of them${because(record)}`
      : `${by(record)} withdrew the enrolment token${ofNode(record)}${because(record)}`,
  enrol: (record) => `a certificate was made${ofNode(record)}`,
  refused_summary: () => 'further refusals',
  head: (record) => `signed by ${list(record.keyIds)}`,
  file: (record) => `a new file${because(record)}`,
  missed: () => 'records are lost',
  probe: (record) => `the broker tried the log${because(record)}`,
  restore_apply: (record) => `the ledger was older than this log and caught up${because(record)}`,
  start: (record) =>
    `broker${record.replica === undefined ? '' : ` ${record.replica}`} opened the log${because(record)}`,
  stop: () => 'the broker closed the log',
};

/** What was tried when it did not go well. */
const attempts: Partial<Readonly<Record<AuditAction, string>>> = {
  attach: 'a caller did not prove itself',
  open: 'refused',
  admin_refused: 'an administrator was refused',
  policy_reload: 'a new policy was not taken',
  run_register: 'the registration of a run was refused',
  run_end: 'an end of the run was refused',
  run_report: 'a report of runs was refused',
  run_undelivered: 'a node is without the files of a run',
  node_key: 'a node showed a key that is not its own',
  enrol_token_withdraw: 'an enrolment token was not withdrawn',
  enrol: 'a node was not given a certificate',
  refused_summary: 'further refusals of callers that proved nothing',
  start: 'the log is not as it was left',
};

/** What happened, in words. All of a record is in its JSON. */
export function storyOf(record: ReadRecord): Cell {
  if (record.outcome === 'ok') return late(record, sentences[record.action](record));
  const { code, count, actor, peer, node, rule, reason } = record;
  const from = actor === undefined && peer !== undefined ? ` from ${peer}` : '';
  // Of a run that is registered, a wish alone was refused.
  const isWish = record.action === 'run_register' && record.bundle !== undefined;
  const attempt = isWish ? 'what the job asked for was refused' : attempts[record.action];
  const text = [
    `${attempt ?? `${record.action.replaceAll('_', ' ')} failed`}${from}`,
    code,
    rule === undefined ? undefined : `rule ${rule}`,
    node === undefined || actor !== undefined ? undefined : `node ${node}`,
    count === undefined ? undefined : `${count} times`,
    reason,
  ];
  return { text: late(record, text.filter((part) => part !== undefined).join(', ')), colour: 'red' };
}

function settled({ settlement = '', paths = [] }: ReadRecord): string {
  const words = settlement.split(',').map((word) => word.replaceAll('_', ' '));
  return words.length === paths.length && words.length > 1
    ? paths.map((path, index) => `${path} ${words[index] ?? ''}`).join(', ')
    : `${list(paths)} ${words.join(', ')}`.trim();
}

function selected({ selector, count }: ReadRecord): string {
  const how = selector === undefined ? '' : ` ${selector}`;
  return count === undefined ? how : `${how}, ${count} sessions`;
}

/** Of a record that had to wait for the log. */
function late({ happenedAt, replica }: ReadRecord, text: string): string {
  if (happenedAt === undefined) return text;
  const where = replica === undefined ? '' : ` at broker ${replica}`;
  return `${text} (at ${happenedAt}${where}, while nothing could be recorded)`;
}
