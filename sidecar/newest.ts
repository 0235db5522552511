/** The newest of what comes for one holder: what has not been done, or told, of the one before becomes void with it. */
export interface Newest {
  /** Aborted as soon as something newer begins, or this is made void. */
  begin(session: string): AbortSignal;
  /** Of this session alone, where one is given. */
  makeVoid(session?: string): void;
}

/** Aborting `closed` makes everything void. */
export function createNewest(closed: AbortSignal): Newest {
  let newest = { session: '', abort: new AbortController() };
  return {
    begin: (session) => {
      newest.abort.abort();
      newest = { session, abort: new AbortController() };
      return AbortSignal.any([closed, newest.abort.signal]);
    },
    makeVoid: (session = newest.session) => {
      if (newest.session === session) newest.abort.abort();
    },
  };
}
