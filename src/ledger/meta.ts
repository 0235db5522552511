/** Small facts, such as the backend's cluster id, the names of replicas, and the heads of their audit chains. */
export interface MetaLedger {
  readMeta(key: string): Promise<string | undefined>;
  /** Those whose key begins so, in the order of the keys. */
  listMeta(prefix: string): Promise<readonly { readonly key: string; readonly value: string }[]>;
  writeMeta(key: string, value: string): Promise<void>;
  /**
   * Only where the value is `from` at this moment; undefined stands for no value, so that it is added or removed. False when it was another one
   * and nothing has changed. Of several that have seen the same value, one is first.
   */
  replaceMeta(input: {
    readonly key: string;
    readonly from: string | undefined;
    readonly to: string | undefined;
  }): Promise<boolean>;
}
