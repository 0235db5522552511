export { freePort } from '../../src/demo/parts/free-port.ts';
