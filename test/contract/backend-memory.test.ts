import { describe } from 'vitest';
import { createMemoryBackend } from '../../src/backend/memory/memory-backend.ts';
import type { Backend, BackendSecret } from '../../src/backend/backend.ts';
import { createManualClock } from '../unit/backend/manual-clock.ts';
import { describeBackend } from './backend-contract.ts';

const field = (secret: BackendSecret, name: string) =>
  Buffer.from(secret.fields.get(name)?.open() ?? new Uint8Array()).toString('utf8');

describe('the in-memory backend', () => {
  describeBackend(async () => {
    const clock = createManualClock();
    const paths = ['database/creds/app', 'secret/data/example', 'secret/data/empty'];
    const backend = createMemoryBackend({
      clock,
      tokenRoles: { 'leasehold-app': { paths }, 'leasehold-other': { paths: [] } },
      dynamic: { 'database/creds/app': {} },
    });
    const shortProbationSeconds = 2;
    const shortLived: Backend = {
      ...backend,
      probationSeconds: shortProbationSeconds,
      createToken: async (options) => {
        const token = await backend.createToken(options);
        await backend.renewToken({
          accessor: token.accessor,
          incrementSeconds: shortProbationSeconds,
          signal: options.signal,
        });
        return { ...token, ttlSeconds: shortProbationSeconds };
      },
    };
    return {
      backend,
      shortLived,
      shortProbationSeconds,
      tokenRole: 'leasehold-app',
      otherTokenRole: 'leasehold-other',
      leased: { name: 'db', kind: 'leased', path: 'database/creds/app', engine: 'read' },
      kv: { name: 'kv', kind: 'static', path: 'secret/data/example', engine: 'kv2' },
      emptyKv: { name: 'none', kind: 'static', path: 'secret/data/empty', engine: 'kv2' },
      writeKv: async (values) => backend.putSecret('secret/data/example', values),
      worksNow: async (secret) => backend.canLogin(field(secret, 'username'), field(secret, 'password')),
      passShortProbation: async () => clock.advance(shortProbationSeconds * 1000 + 1),
      close: () => backend[Symbol.asyncDispose](),
    };
  });
});
