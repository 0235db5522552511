import type { PodRecord } from './pod-record.ts';

/** What a source tells the view. */
export interface PodFeed {
  /** A pod was made or changed. */
  put(record: PodRecord): void;
  /** A pod is gone, or no longer runs. */
  remove(uid: string): void;
  /** A complete list is under way; the pods it does not name by `commit` are gone. Left uncommitted it changes nothing more. */
  beginList(): PodList;
  /** The source is in step with the cluster as of this monotonic instant. */
  touch(monotonicMs: number): void;
}

export interface PodList {
  put(record: PodRecord): void;
  /**
   * Returns the pods that were found by asking while the list was under way and that it does not name. Each was made after
   * the list was taken, and will be in the watch, or deleted before that, and will be in neither: the source has to ask.
   */
  commit(): readonly PodRecord[];
}

/** Where pods come from: a cluster's API server, or the table of the development issuer. */
export interface PodSource {
  /** Keeps the feed up to date, through any failure, until the signal aborts. */
  run(feed: PodFeed, signal: AbortSignal): Promise<void>;
  /**
   * Asks for one pod as it is now; undefined when there is none of that name. One question, no repetition.
   * Throws `identity_unavailable`.
   */
  find(namespace: string, name: string, signal: AbortSignal): Promise<PodRecord | undefined>;
}
