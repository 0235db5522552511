import { describe, expect, it } from 'vitest';
import { refuseHostileEnvironment } from '../../../src/broker/environment.ts';

describe('refuseHostileEnvironment', () => {
  it.each([
    'VAULT_SKIP_VERIFY',
    'VAULT_ADDR',
    'VAULT_TOKEN',
    'VAULT_NAMESPACE',
    'VAULT_PREFIX',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'NODE_DEBUG',
    'GRPC_SSL_CIPHER_SUITES',
    'GRPC_TRACE',
    'GRPC_NODE_VERBOSITY',
    'GRPC_NODE_DEBUG_SEND_ERROR_DETAILS',
  ])('refuses %s by name and never shows its value', (name) => {
    expect(() => refuseHostileEnvironment({ [name]: 'hunter2' })).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        detail: `environment variable ${name}: must not be set`,
      }),
    );
  });

  it.each([
    '--inspect',
    '--inspect-brk=0.0.0.0:9229',
    '--max-old-space-size=100 --inspect-port=1',
    '"--inspect"',
    '--require ./evil.js',
    '-r ./evil.js',
    '--import=./evil.js',
    '--experimental_loader ./evil.js',
    '--tls-keylog=/keys',
    '--tls_min_v1.0',
    '--trace-tls',
    '--heapsnapshot-signal=SIGUSR2',
    '--report-on-signal',
  ])('refuses NODE_OPTIONS with %s', (options) => {
    expect(() => refuseHostileEnvironment({ NODE_OPTIONS: options })).toThrow(
      expect.objectContaining({ detail: expect.stringContaining('NODE_OPTIONS') as string }),
    );
  });

  it('names all of them at once', () => {
    expect(() =>
      refuseHostileEnvironment({ VAULT_ADDR: 'a', GRPC_TRACE: 'all', NODE_OPTIONS: '--inspect' }),
    ).toThrow(
      expect.objectContaining({
        detail: expect.stringMatching(/VAULT_ADDR.*\n.*GRPC_TRACE.*\n.*NODE_OPTIONS/) as string,
      }),
    );
  });

  it('accepts what changes no trust, and what is set to nothing', () => {
    expect(() =>
      refuseHostileEnvironment({
        PATH: '/bin',
        VAULT_ADDR: '',
        // A Service named vault puts this into every pod of its namespace.
        VAULT_SERVICE_HOST: '10.0.0.1',
        VAULT_PORT: 'tcp://10.0.0.1:8200',
        NODE_OPTIONS: '--max-old-space-size=512 --no-warnings',
      }),
    ).not.toThrow();
  });
});
