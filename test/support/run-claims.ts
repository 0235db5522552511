/** Claims of a run assertion of cluster hpc, as a signer states them of a job of alice. Times in seconds since the Unix epoch. */
export function runClaims(run: {
  readonly jobId: number;
  readonly start: number;
  readonly nodes: readonly string[];
  readonly iat: number;
}) {
  const { jobId, start, nodes, iat } = run;
  return {
    iss: 'slurm:hpc',
    aud: 'leasehold',
    iat,
    exp: iat + 300,
    jti: `hpc/${jobId}/${start}`,
    cluster: 'hpc',
    job_id: jobId,
    start,
    restarts: 0,
    uid: 20_001,
    gid: 20_001,
    user: 'alice',
    group: 'users',
    account: '',
    partition: 'gpu',
    qos: '',
    accounting_enforced: false,
    nodes,
    ends_at: start + 3_600,
  };
}
