import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canaryIdentity, nextCanaryId } from '../../../../src/lease/canary/canary-session.ts';
import { parseIdentity } from '../../../../src/ledger/stored/stored-json.ts';
import { canaryWorkload, isCanaryWorkload } from '../../../../src/platform/canary-workload.ts';
import { matchesSelector } from '../../../../src/policy/selector.ts';

const path = 'database/creds/app';
const day = 86_400_000;

describe('the identity of a canary', () => {
  it('is not chosen by the name of any cluster, namespace, user or job', () => {
    const subject = { identity: canaryIdentity(path), bundle: 'db', session: 'ses_1' };
    for (const selector of [
      { cluster: 'a' },
      { namespace: 'ml' },
      { serviceAccount: 'trainer' },
      { podUid: 'uid-1' },
      { user: 'ann' },
      { job: '1' },
      { node: 'n1' },
    ])
      expect(matchesSelector(selector, subject), JSON.stringify(selector)).toBe(false);
    expect(matchesSelector({ bundle: 'db' }, subject)).toBe(true);
  });

  it('is one that a broker without canaries reads from the ledger', () => {
    const identity = canaryIdentity(path);
    expect(parseIdentity(JSON.stringify(identity))).toEqual(identity);
  });

  it('has a workload that no pod and no run has', () => {
    expect(isCanaryWorkload('pod/canary/1')).toBe(false);
    expect(isCanaryWorkload('run/canary/1/2')).toBe(false);
    expect(isCanaryWorkload(canaryWorkload(path))).toBe(true);
  });
});

describe('the id of the next canary', () => {
  it('has the form of a session id', () => {
    expect(nextCanaryId(path, undefined, 0)).toMatch(/^ses_[a-z2-7]{26}$/);
  });

  it('is the same for whoever follows the same one, and another for every other predecessor, path and day', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), fc.nat(), (one, other, at, later) => {
        expect(nextCanaryId(path, one, at)).toBe(nextCanaryId(path, one, later));
        fc.pre(one !== other);
        expect(nextCanaryId(path, one, at)).not.toBe(nextCanaryId(path, other, at));
        expect(nextCanaryId(one, 'ses_1', at)).not.toBe(nextCanaryId(other, 'ses_1', at));
      }),
    );
    expect(nextCanaryId(path, undefined, day - 1)).toBe(nextCanaryId(path, undefined, 0));
    expect(nextCanaryId(path, undefined, day)).not.toBe(nextCanaryId(path, undefined, 0));
  });
});
