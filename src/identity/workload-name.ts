/** `pod/<cluster>/<uid>`: the key of sessions and tombstones. */
export function podWorkload(cluster: string, uid: string): string {
  return `pod/${cluster}/${uid}`;
}

/** `run/<cluster>/<job id>/<start>`, start in seconds since the Unix epoch. */
export function runWorkload(cluster: string, jobId: number, start: number): string {
  return `run/${cluster}/${jobId}/${start}`;
}

export function isRunWorkload(workload: string): boolean {
  return workload.startsWith('run/');
}

/** The parts of a pod's workload key, or undefined when it is none. */
export function parsePodWorkload(workload: string): { cluster: string; uid: string } | undefined {
  const [kind, cluster, uid, more] = workload.split('/', 4);
  if (kind !== 'pod' || cluster === undefined || uid === undefined || more !== undefined) return undefined;
  return { cluster, uid };
}
