import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditActions } from '../../../src/audit/audit.ts';
import { auditRecordSchema } from '../../../src/audit/record.ts';

const text = readFileSync(join(import.meta.dirname, '../../../docs/audit.md'), 'utf8');

/** First cells of the tables below a heading. */
function documented(heading: string): readonly string[] {
  const from = text.indexOf(`\n## ${heading}\n`);
  const section = text.slice(from, text.indexOf('\n## ', from + 4));
  return [...section.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name = '']) => name).sort();
}

describe('docs/audit.md', () => {
  it('describes every field and no other', () => {
    expect(documented('Fields')).toEqual(Object.keys(auditRecordSchema.shape).sort());
  });

  it('describes every action and no other', () => {
    expect(documented('Actions')).toEqual([...auditActions].sort());
  });

  it('describes every outcome', () => {
    for (const outcome of auditRecordSchema.shape.outcome.options) expect(text).toContain(`\`${outcome}\``);
  });
});
