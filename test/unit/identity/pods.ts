import type { PodRecord } from '../../../src/identity/pod-record.ts';
import { podUid } from './tokens.ts';

export const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

export function aRecord(changes: Partial<PodRecord> = {}): PodRecord {
  return {
    uid: podUid,
    namespace: 'shop',
    name: 'till-0',
    serviceAccount: 'till',
    node: 'node-1',
    finished: false,
    deletionAt: undefined,
    gracePeriodSeconds: undefined,
    labels: { app: 'till' },
    images: { known: true, digests: [digest('a')] },
    ...changes,
  };
}

/** UIDs that differ in their last digits. */
export function uidOf(number: number): string {
  return `0b5f2a58-7a1c-4f3e-9c0d-${number.toString(16).padStart(12, '0')}`;
}

interface PodChanges {
  readonly uid?: string;
  readonly name?: string;
  readonly node?: string | undefined;
  readonly phase?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly resourceVersion?: string;
  readonly labels?: Record<string, string>;
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

/** A pod as the API server writes it, with much that nobody keeps. */
export function aPodObject(changes: PodChanges = {}): Record<string, unknown> {
  const {
    uid = podUid,
    name = 'till-0',
    phase = 'Running',
    resourceVersion = '100',
    deletionTimestamp,
    deletionGracePeriodSeconds,
  } = changes;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      uid,
      name,
      namespace: 'shop',
      resourceVersion,
      creationTimestamp: '2030-01-01T00:00:00Z',
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
      labels: changes.labels ?? { app: 'till' },
      annotations: { note: 'canary-annotation' },
      managedFields: [{ manager: 'canary-manager' }],
    },
    spec: {
      serviceAccountName: 'till',
      nodeName: 'node' in changes ? changes.node : 'node-1',
      containers: [
        {
          name: 'app',
          image: `registry.example/till@${digest('a')}`,
          env: [{ name: 'X', value: 'canary-env' }],
        },
      ],
      ...changes.spec,
    },
    status: { phase, podIP: '10.0.0.1', ...changes.status },
  };
}
