/** Tests keep their files the way the demo does. */
export { createTempFolder } from '../../src/demo/parts/temp-folder.ts';
export type { FolderOwner, TempFolder } from '../../src/demo/parts/temp-folder.ts';
