import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode, LeaseholdError } from '../../../../src/platform/error.ts';
import { parseNodeAgentConfig } from '../../../../sidecar/node/config.ts';

const least = `
broker: { address: "broker.example:8444", ca: /etc/leasehold/ca.pem }
certificate: /etc/leasehold/node/tls.crt
key: /etc/leasehold/node/tls.key
`;

function detailOf(source: string): string | undefined {
  try {
    parseNodeAgentConfig(source);
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'config_invalid')) throw error;
    return LeaseholdError.from(error).detail;
  }
}

describe('parseNodeAgentConfig', () => {
  it('fills in what is left out', () => {
    expect(parseNodeAgentConfig(least)).toEqual({
      broker: { address: ['broker.example:8444'], ca: '/etc/leasehold/ca.pem', serverName: undefined },
      certificate: '/etc/leasehold/node/tls.crt',
      key: '/etc/leasehold/node/tls.key',
      socket: '/run/leasehold/agent.sock',
      files: { root: '/run/leasehold', mount: 'auto', sizeMiB: 64 },
      prolog: { seconds: 8, unserved: 'fail' },
      notifier: '/usr/libexec/leasehold/leasehold-notify',
      log: { level: 'info' },
    });
  });

  it.each([
    ['certificate', 'key: /k\nbroker: { address: "a:1", ca: /ca }'],
    ['enrolment.tokenFile', `${least}enrolment: { address: "a:1" }`],
    ['enrolment.tokenFile', `${least}enrolment: { address: "a:1", tokenFile: token }`],
    ['enrolment.address', `${least}enrolment: { address: a, tokenFile: /t }`],
    ['enrolment.canary', `${least}enrolment: { address: "a:1", tokenFile: /t, canary: 1 }`],
    ['files.sizeMiB', `${least}files: { sizeMiB: 0 }`],
    ['files.mount', `${least}files: { mount: always }`],
    ['files.root', `${least}files: { root: run }`],
    ['prolog.seconds', `${least}prolog: { seconds: 601 }`],
    ['prolog.unserved', `${least}prolog: { unserved: canary }`],
    ['canary', `${least}canary: 1`],
  ])('names %s, and no value', (key, source) => {
    const detail = detailOf(source);
    expect(detail).toContain(`${key}: `);
    if (!key.includes('canary')) expect(detail).not.toContain('canary');
  });

  it('answers any text with a configuration or with config_invalid', () => {
    fc.assert(fc.property(fc.string(), (text) => void detailOf(text)));
  });

  it('accepts the example in the documentation', async () => {
    const file = join(import.meta.dirname, '../../../../docs/examples/node-agent.yaml');
    expect(parseNodeAgentConfig(await readFile(file, 'utf8')).prolog.seconds).toBe(8);
  });
});
