import { type FileSystem, nodeFileSystem } from '../../../sidecar/deliver/file-system.ts';
import { delivererIn, order } from '../../unit/sidecar/deliver/orders.ts';

/** Delivers generation 2 into the folder of argument 1 and kills itself before the call whose number is argument 2. */
const [target = '', step = '0'] = process.argv.slice(2);
let calls = 0;
const fileSystem = new Proxy<FileSystem>(nodeFileSystem, {
  get: (real, name: keyof FileSystem): unknown => {
    const call: unknown = Reflect.get(real, name);
    return (...parameters: unknown[]): unknown => {
      calls += 1;
      if (calls === Number(step)) process.kill(process.pid, 'SIGKILL');
      return typeof call === 'function' ? Reflect.apply(call, real, parameters) : undefined;
    };
  },
});
await delivererIn(target, { fileSystem }).deliver(order('2', { number: 2 }));
