/** `pod/<cluster>/<uid>`: the key of sessions and tombstones. */
export function podWorkload(cluster: string, uid: string): string {
  return `pod/${cluster}/${uid}`;
}

/** The parts of a pod's workload key, or undefined when it is none. */
export function parsePodWorkload(workload: string): { cluster: string; uid: string } | undefined {
  const [kind, cluster, uid, more] = workload.split('/', 4);
  if (kind !== 'pod' || cluster === undefined || uid === undefined || more !== undefined) return undefined;
  return { cluster, uid };
}
