import { getAsset } from 'node:sea';
import { fromJSON, type Options } from '@grpc/proto-loader';

/**
 * Takes the place of @grpc/proto-loader in the self-sufficient program: the definitions are in the program, under the names that are asked
 * for, as what the loader makes of the files.
 */
export function loadSync(name: string, options: Options): ReturnType<typeof fromJSON> {
  // Proven edge: written by scripts/build-program.ts.
  return fromJSON(JSON.parse(getAsset(name, 'utf8')) as Parameters<typeof fromJSON>[0], options);
}
