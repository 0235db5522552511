import { join } from 'node:path';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as AdminTypes } from './gen/admin.ts';
import type { ProtoGrpcType as NodeTypes } from './gen/node.ts';
import type { ProtoGrpcType as RunTypes } from './gen/run.ts';
import type { ProtoGrpcType as WorkloadTypes } from './gen/workload.ts';

/** The one place that loads `proto/`. The same options as in `scripts/generate.ts`. */
const loaderOptions = {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  arrays: true,
  objects: true,
} as const;

const protoFolder = join(import.meta.dirname, '..', '..', 'proto');

function load(file: string): unknown {
  return loadPackageDefinition(loadSync(file, { ...loaderOptions, includeDirs: [protoFolder] }));
}

// Proven edge: the generated types are made from the same files with the same options, and CI checks that.
export function loadWorkloadApi(): WorkloadTypes {
  return load('leasehold/v1/workload.proto') as WorkloadTypes;
}

export function loadAdminApi(): AdminTypes {
  return load('leasehold/v1/admin.proto') as AdminTypes;
}

export function loadRunApi(): RunTypes {
  return load('leasehold/v1/run.proto') as RunTypes;
}

export function loadNodeApi(): NodeTypes {
  return load('leasehold/v1/node.proto') as NodeTypes;
}
