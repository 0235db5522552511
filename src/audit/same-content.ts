import type { AuditHead } from './audit-tail.ts';
import { linesOf } from './lines.ts';
import { hashLine } from './record.ts';

/**
 * True when the file ends with the record at `head`, after `size` bytes, and every record before it is the one that this record's chain of hashes
 * names. The schema is not looked at: whoever has the right hash is the right record.
 */
export async function hasSameContent(path: string, head: AuditHead, size: number): Promise<boolean> {
  let before: string | undefined;
  let bytesRead = 0;
  for await (const { bytes, isComplete } of linesOf(path)) {
    if (!isComplete) return false;
    // A quote inside of a text is escaped, so this stands nowhere but in the key itself.
    if (before !== undefined && !bytes.includes(`"prev":"${before}"`)) return false;
    before = hashLine(bytes);
    bytesRead += bytes.length + 1;
  }
  return bytesRead === size && before === head.hash;
}
