import { LeaseholdError } from '../../../src/platform/error.ts';
import { defaultFiles, delivererIn, order } from '../../unit/sidecar/deliver/orders.ts';

/** Delivers plain files, then files with an owner, then files with a group, and prints how each went, one a line. */
const [target = ''] = process.argv.slice(2);
const deliverer = delivererIn(target);
for (const facts of [{}, { uid: 1234 }, { gid: 1234 }]) {
  const files = defaultFiles.map((file) => ({ ...file, ...facts }));
  const number = Object.hasOwn(facts, 'gid') ? 2 : 1;
  try {
    const { outcome } = await deliverer.deliver(order(String(number), { number, files }));
    process.stdout.write(`${outcome}\n`);
  } catch (error) {
    process.stdout.write(`${LeaseholdError.from(error).code}\n`);
  }
}
