/** One entry of `slurm` in broker.yaml: a batch cluster whose runs may hold something. */
export interface SlurmClusterConfig {
  /** As the scheduler calls itself (ClusterName); part of workload keys, SPIFFE ids and certificates. */
  readonly name: string;
  /** The `aud` of its run assertions. */
  readonly audience: string;
  /** JWK set with the signer's public keys; read again when it changes. */
  readonly keys: { readonly file: string };
  /** How long a run may go on holding what it has after the scheduler began to end it: KillWait and the epilogs. */
  readonly endGraceSeconds: number;
  /** How long a run that is not worth going on without some node's files goes on without a word of that node; 0: for ever. */
  readonly absentAfterSeconds: number;
}
