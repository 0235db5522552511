import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makePackages, type MadePackages } from './make-packages.ts';
import { architectures, type Architecture } from './package-architectures.ts';

const usage = `usage: npm run package [-- --arch amd64,arm64] [--output text|json]
Makes a .deb and a .rpm for each architecture in dist/packages. Says what is missing for one, and makes the others.`;

const folder = join(import.meta.dirname, '..', 'dist', 'packages');

/** Exit status: 0 all made, 1 one was not, 2 wrong use. */
async function main(): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        arch: { type: 'string', default: architectures.join(',') },
        output: { type: 'string', default: 'text' },
      },
    }));
  } catch {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const wanted = architectures.filter((name) => values.arch.split(',').includes(name));
  if (wanted.length !== values.arch.split(',').length || !['text', 'json'].includes(values.output)) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  mkdirSync(folder, { recursive: true });
  let complete = true;
  for (const architecture of wanted) {
    const made = await makePackages({ architecture, folder });
    if (values.output === 'json') process.stdout.write(`${JSON.stringify({ architecture, ...made })}\n`);
    else process.stdout.write(describe(architecture, made));
    complete &&= made.made;
  }
  return complete ? 0 : 1;
}

function describe(architecture: Architecture, made: MadePackages): string {
  return made.made
    ? made.files.map((file) => `${file}\n`).join('')
    : `NO PACKAGES FOR ${architecture}: ${made.why.join('; ')}\n`;
}

process.exitCode = await main();
