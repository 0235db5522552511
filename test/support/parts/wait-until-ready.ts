export { waitFor, waitUntilReady } from '../../../src/demo/parts/wait-until-ready.ts';
