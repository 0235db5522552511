/** Tests read the answers of real parts the way the demo does. */
export { numberAt, textAt, valueAt } from '../../src/demo/parts/json.ts';
