import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseSidecarConfig } from '../../../sidecar/config.ts';

it('accepts the example in the documentation', async () => {
  const file = join(import.meta.dirname, '../../../docs/examples/sidecar.yaml');
  expect(parseSidecarConfig(await readFile(file, 'utf8')).bundles).toHaveLength(1);
});
