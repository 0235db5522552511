/** Of one request for enrolment tokens of compute nodes. */
export const enrolmentLimits = { mostNodes: 4_096, leastSeconds: 60, mostSeconds: 604_800 } as const;
