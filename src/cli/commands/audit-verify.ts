import { readFile } from 'node:fs/promises';
import type { HeadVerifier } from '../../audit/signing-keys.ts';
import type { VerifyOptions } from '../../audit/verify.ts';
import { hasCode } from '../../platform/error.ts';
import { allFilesOf, auditFilesArgument, requireReadable } from '../audit-files.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { outputOption, print } from '../output.ts';
import { verdictData, verdictText } from '../views/audit-verdict.ts';
import { WrongUse } from '../wrong-use.ts';

export const auditVerify = defineCommand({
  name: 'audit verify',
  summary: 'prove that an audit log was not edited',
  details: [
    'Follows the hash chain through the files and finds a record that was changed, removed, added or moved. With --key it also checks the heads that the broker has signed: whoever rewrites the chain cannot sign it. With --head it finds a cut-off end, a replaced end and an old copy in place of the log, as far as the given head reaches.',
    'What could not be checked is printed. The exit status is 1 when the chain does not hold; nothing after the first fault can be trusted. It is 3 when it holds, but not all of what was given could be checked, or the beginning is missing.',
  ],
  arguments: auditFilesArgument,
  options: {
    key: {
      kind: 'list',
      value: 'FILE',
      help: 'public key of the broker, as `leasehold audit key` prints it; several while keys change',
    },
    head: {
      kind: 'text',
      value: 'HEAD',
      help: 'a file of signed heads (audit.signing.headsFile), or the hash that an earlier verification printed',
    },
    from: {
      kind: 'text',
      value: 'NUMBER',
      help: 'the files begin with this record or an earlier one, because older files were put away',
    },
    ...outputOption,
  },
  examples: [
    'leasehold audit verify /var/lib/leasehold/audit.jsonl',
    'leasehold audit verify /var/lib/leasehold/audit.jsonl --key audit-public.pem --head heads.jsonl',
    'leasehold audit verify audit-000000*.jsonl audit.jsonl --head 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'leasehold audit verify audit.jsonl --key audit-2026.pem --key audit-2027.pem --from 120001',
  ],
  run: async ({ args, options }, world) => {
    const keys = options.key.length === 0 ? undefined : await readKeys(options.key);
    const head = options.head === undefined ? {} : await readHead(options.head, keys);
    const from = options.from === undefined ? undefined : numberOf('--from', options.from);
    const files = await allFilesOf(args.file);
    const { verifyAudit } = await import('../../audit/verify.ts');
    const verdict = await verifyAudit({
      files,
      ...head,
      ...(keys === undefined ? {} : { keys }),
      ...(from === undefined ? {} : { from }),
    });
    await print(world, options.output, {
      data: verdictData(verdict),
      table: ({ isColoured }) => verdictText(verdict, isColoured),
    });
    if (!verdict.ok) return exitStatus.refused;
    return verdict.unchecked.some(({ isAsked }) => isAsked) ? exitStatus.partlyDone : exitStatus.done;
  },
});

async function readKeys(files: readonly string[]): Promise<HeadVerifier> {
  await requireReadable(files);
  const { createHeadVerifier } = await import('../../audit/signing-keys.ts');
  const pems = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  try {
    return createHeadVerifier(pems);
  } catch (error) {
    if (!hasCode(error, 'config_invalid')) throw error;
    throw new WrongUse('--key needs a file with an Ed25519 public key as PEM');
  }
}

async function readHead(
  text: string,
  keys: HeadVerifier | undefined,
): Promise<Pick<VerifyOptions, 'expectedHead' | 'heads'>> {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return { expectedHead: text.toLowerCase() };
  if (/^[0-9a-fA-F]+$/.test(text)) throw new WrongUse('--head needs 64 hexadecimal digits, or a file');
  await requireReadable([text]);
  const { readKnownHeads } = await import('../../audit/known-heads.ts');
  const known = await readKnownHeads(text, keys);
  if (known.chains.length === 0 && known.forgedLine === undefined)
    throw new WrongUse(`${text} holds no signed head${keys === undefined ? '' : ' by a given key'}`);
  return { heads: { file: text, known } };
}

function numberOf(flag: string, text: string): number {
  const number = /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
  if (number === undefined) throw new WrongUse(`${flag} needs the number of a record`);
  return number;
}
