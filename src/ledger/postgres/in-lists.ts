/**
 * Gathers what comes while a call is under way into the list of the next one. Resolves or rejects with the call that the item was in, so that who
 * waits is as sure of it as with a call of its own.
 */
export function inLists<T>(call: (items: readonly T[]) => Promise<void>): (item: T) => Promise<void> {
  let next: { readonly items: T[]; readonly done: Promise<void> } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return (item) => {
    if (next === undefined) {
      const items: T[] = [];
      const done = last.then(() => {
        next = undefined;
        return call(items);
      });
      last = done.catch(() => undefined);
      next = { items, done };
    }
    next.items.push(item);
    return next.done;
  };
}
