/** Tests own their processes the way the demo does. */
export { startProcess } from '../../../src/demo/parts/owned-process.ts';
export type { OwnedProcess, OwnedProcessOptions } from '../../../src/demo/parts/owned-process.ts';
