import { Secret } from '../platform/secret.ts';

/**
 * The fields of one secret as bytes: strings as they are, anything else as its JSON text. Own keys only, in the order of
 * the reply, so that a field called `__proto__` is just a field.
 */
export function secretFields(data: object): ReadonlyMap<string, Secret> {
  return new Map(
    Object.entries(data).map(([name, value]: [string, unknown]) => [
      name,
      Secret.ofText(typeof value === 'string' ? value : JSON.stringify(value)),
    ]),
  );
}
