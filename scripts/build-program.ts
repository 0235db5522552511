import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import protobuf from 'protobufjs';
import { thirdPartyNotices } from './third-party-notices.ts';

const root = join(import.meta.dirname, '..');

export interface ProgramOptions {
  /** Made where it does not exist: `leasehold`, `third-party-notices.txt` and what they are made of. */
  readonly folder: string;
  /** Node's own program of the wanted architecture, of the version of the Node that runs this. */
  readonly node: string;
  /** What takes the symbols out of it: a fifth of its size, and on a stateless node the image is memory. */
  readonly strip: string;
}

/**
 * Makes `leasehold`, one program with everything within itself: Node, every command, and what a program made of files would read beside
 * itself. Reproducible: the same sources and the same Node make the same bytes.
 */
export async function buildProgram(options: ProgramOptions): Promise<void> {
  const at = (name: string) => join(options.folder, name);
  mkdirSync(options.folder, { recursive: true });
  const { metafile } = await build({
    entryPoints: [join(root, 'src', 'main.ts')],
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    minify: true,
    target: 'node26',
    // Packages that are not ES modules call these for what Node brings, and to say where their own files would be.
    banner: {
      js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url),__dirname=import.meta.dirname;",
    },
    // The line of an uncaught error is printed, and must not be the whole program.
    lineLimit: 200,
    plugins: [carriedProtos],
    // Not installed; pg looks for it in vain.
    external: ['pg-native'],
    legalComments: 'none',
    metafile: true,
    outfile: at('leasehold.mjs'),
  });
  writeFileSync(
    at('third-party-notices.txt'),
    thirdPartyNotices({ root, inputs: Object.keys(metafile.inputs) }),
  );
  copyFileSync(options.node, at('node'));
  execFileSync(options.strip, ['--strip-all', at('node')]);
  copyFileSync(join(root, 'package.json'), at('package.json'));
  writeFileSync(
    at('program.json'),
    JSON.stringify({
      // Names only: a path would be part of the program, which would differ from checkout to checkout.
      main: 'leasehold.mjs',
      mainFormat: 'module',
      executable: 'node',
      output: 'leasehold',
      disableExperimentalSEAWarning: true,
      // NODE_OPTIONS bounds the heap in the units, as for a Node that is installed.
      execArgvExtension: 'env',
      assets: { 'package.json': 'package.json', ...writeProtos(options.folder) },
    }),
  );
  execFileSync(process.execPath, ['--build-sea', 'program.json'], {
    cwd: options.folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

const carriedProtos: Plugin = {
  name: 'carried-protos',
  setup: (bundler) => {
    const loader = join(import.meta.dirname, 'carried-proto-loader.ts');
    bundler.onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ importer }) =>
      importer === loader ? undefined : { path: loader },
    );
  },
};

/** Our own API, and the standard one for health. */
const protoFolders = [join(root, 'proto'), join(root, 'node_modules', 'grpc-health-check', 'proto')];

/** Each of their files as JSON in the folder, by the name that the program asks for. */
function writeProtos(folder: string): Readonly<Record<string, string>> {
  const assets = protoFolders.flatMap((protoFolder) =>
    globSync('**/*.proto', { cwd: protoFolder })
      .sort()
      .map((name) => {
        const api = new protobuf.Root();
        api.resolvePath = (_origin, target) => join(protoFolder, target);
        const file = `${basename(name, '.proto')}.json`;
        writeFileSync(join(folder, file), JSON.stringify(api.loadSync(name).toJSON()));
        return [name, file] as const;
      }),
  );
  return Object.fromEntries(assets);
}
