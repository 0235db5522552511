import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** What each folder may import from the repository, besides itself. What is not listed is forbidden. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'src/platform': [],
  'src/identity': ['src/platform'],
  'src/policy': ['src/platform', 'src/identity'],
  'src/backend': ['src/platform', 'src/policy'],
  'src/ledger': ['src/platform', 'src/identity', 'src/policy'],
  'src/audit': ['src/platform', 'src/identity', 'src/ledger'],
  'src/lease': ['src/platform', 'src/identity', 'src/policy', 'src/backend', 'src/ledger', 'src/audit'],
  'src/rpc/client': ['src/platform', 'src/rpc', 'src/policy'],
  'src/rpc': ['src/platform', 'src/identity', 'src/policy', 'src/ledger', 'src/lease', 'src/audit'],
  'src/cli': [
    'src/platform',
    'src/rpc/client',
    'src/rpc',
    'src/policy',
    'src/audit',
    'src/backend',
    'src/broker',
  ],
  'src/broker': ['src'],
  'src/slurm': ['src/platform', 'src/rpc/client', 'src/rpc'],
  'src/demo': ['src'],
  sidecar: ['src/platform', 'src/rpc/client', 'src/rpc'],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function imports(): readonly Import[] {
  return ['src', 'sidecar'].flatMap((folder) =>
    globSync('**/*.ts', { cwd: join(root, folder) }).flatMap((path) => {
      const file = join(folder, path);
      const text = readFileSync(join(root, file), 'utf8');
      return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, specifier = '']) => ({
        file,
        target: relative(root, join(root, dirname(file), specifier)),
      }));
    }),
  );
}

function folderOf(path: string): string | undefined {
  return Object.keys(allowed)
    .sort((a, b) => b.length - a.length)
    .find((folder) => path.startsWith(`${folder}/`));
}

/** These files and all that they load, at once or later. */
function closure(all: readonly Import[], from: readonly string[]): readonly string[] {
  const byFile = Map.groupBy(all, ({ file }) => file);
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { target } of byFile.get(file) ?? []) visit(target);
  };
  from.forEach(visit);
  return [...seen];
}

describe('import directions', () => {
  const all = imports();

  it('sees the imports at all', () => {
    expect(all.length).toBeGreaterThan(100);
  });

  it('allows only what is listed', () => {
    const broken = all.filter(({ file, target }) => {
      const from = folderOf(file);
      if (from === undefined || target.startsWith(`${from}/`)) return false;
      return !(allowed[from] ?? []).some((folder) => target.startsWith(`${folder}/`));
    });
    expect(broken).toEqual([]);
  });

  it('keeps test code out of the product', () => {
    expect(all.filter(({ target }) => target.startsWith('test/') || target.startsWith('bench/'))).toEqual([]);
  });

  it('keeps the broker out of the sidecar, through every step of the closure', () => {
    const sidecar = all.filter(({ file }) => file.startsWith('sidecar/')).map(({ file }) => file);
    expect(
      closure(all, sidecar).filter((file) =>
        /^src\/(identity|ledger|lease|backend|audit|broker|cli|demo)\//.test(file),
      ),
    ).toEqual([]);
  });

  it('keeps the broker out of the signer, through every step of the closure', () => {
    const signer = all.filter(({ file }) => file.startsWith('src/slurm/')).map(({ file }) => file);
    expect(
      closure(all, signer).filter((file) =>
        /^src\/(identity|ledger|lease|backend|audit|broker|cli|demo)\//.test(file),
      ),
    ).toEqual([]);
  });

  it('keeps what is for development alone out of the reach of a broker.yaml', () => {
    const reached = closure(all, ['src/broker/main.ts']);
    expect(reached).toContain('src/backend/vault/vault-backend.ts');
    expect(reached.filter((file) => /^src\/(demo|backend\/memory)\/|\/local-issuer\.ts$/.test(file))).toEqual(
      [],
    );
  });
});
