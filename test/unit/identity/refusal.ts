import { expect } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import type { ErrorCode } from '../../../src/platform/error.ts';

/** Runs what must be refused and checks the code; nothing of what was refused may be in the error. */
export async function expectRefusal(
  work: () => unknown,
  code: ErrorCode,
  detail?: RegExp,
): Promise<LeaseholdError> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    expect({ code: error.code, detail: error.detail }).toMatchObject({
      code,
      ...(detail === undefined ? {} : { detail: expect.stringMatching(detail) as unknown }),
    });
    return error;
  }
  throw new Error(`expected a refusal with ${code}`);
}
