const prefix = 'canary/';

/** The workload of the canaries at an engine path, which no pod and no run can be. */
export function canaryWorkload(path: string): string {
  return `${prefix}${path}`;
}

export function isCanaryWorkload(workload: string): boolean {
  return workload.startsWith(prefix);
}
