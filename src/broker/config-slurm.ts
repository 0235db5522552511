import * as z from 'zod';
import type { SlurmClusterConfig } from '../identity/runs/slurm-cluster.ts';
import { slurmName } from '../identity/runs/slurm-name.ts';
import { filePath, token, whole } from './config-values.ts';

/** `slurm` of broker.yaml. With a shared audience, runs of one cluster could pass for runs of another. */
export const slurmSchema = (folder: string) =>
  z
    .array(
      z.strictObject({
        name: z.string().regex(slurmName, {
          error: 'must be 1 to 255 letters, digits, ., _ and -, the first a letter or digit',
        }),
        audience: token,
        keys: z.strictObject({ file: filePath(folder) }),
        endGraceSeconds: whole(1, 3_600).default(90),
        absentAfterSeconds: z.union([z.literal(0), whole(10, 86_400)]).default(600),
      }),
    )
    .min(1, { error: 'must not be empty' })
    .max(256)
    .superRefine((clusters: readonly SlurmClusterConfig[], context) => {
      const names = new Set<string>();
      for (const [index, { name }] of clusters.entries()) {
        if (names.has(name))
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: 'is used by another cluster',
          });
        names.add(name);
      }
    });
