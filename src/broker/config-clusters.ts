import * as z from 'zod';
import type { ClusterApi, ClusterConfig, ClusterKeys } from '../identity/cluster-config.ts';
import { brokenUrlRule, filePath, ruledText, token, whole } from './config-values.ts';

const keysSchema = (folder: string) =>
  z
    .strictObject({
      file: filePath(folder).exactOptional(),
      url: ruledText(brokenUrlRule).exactOptional(),
      ca: filePath(folder).exactOptional(),
      api: z.literal(true).exactOptional(),
    })
    .transform(({ file, url, ca, api }, context): ClusterKeys => {
      const given = [file, url, api].filter((form) => form !== undefined).length;
      if (given !== 1) context.addIssue('must have exactly one of file, url and api');
      else if (ca !== undefined && url === undefined)
        context.addIssue({ code: 'custom', path: ['ca'], message: 'goes with url only' });
      else if (file !== undefined) return { file };
      else if (url !== undefined) return ca === undefined ? { url } : { url, ca };
      else return { api: true };
      return z.NEVER;
    });

const apiSchema = (folder: string) =>
  z
    .strictObject({
      kubeconfig: filePath(folder).exactOptional(),
      inCluster: z.literal(true).exactOptional(),
    })
    .transform(({ kubeconfig, inCluster }, context): ClusterApi => {
      if (kubeconfig !== undefined && inCluster === undefined) return { kubeconfig };
      if (inCluster !== undefined && kubeconfig === undefined) return { inCluster };
      context.addIssue('must have exactly one of kubeconfig and inCluster');
      return z.NEVER;
    });

const clusterSchema = (folder: string) =>
  z
    .strictObject({
      name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
        error: 'must be a DNS label of at most 63 characters',
      }),
      issuer: token,
      audience: token,
      maxTokenSeconds: whole(60, 86_400).default(3_600),
      keys: keysSchema(folder),
      api: apiSchema(folder),
      staleAfterSeconds: whole(5, 3_600).default(60),
      lostAfterSeconds: whole(5, 86_400).default(3_600),
    })
    .refine((cluster) => cluster.lostAfterSeconds > cluster.staleAfterSeconds, {
      path: ['lostAfterSeconds'],
      error: 'must be more than staleAfterSeconds',
    });

/** `clusters` of broker.yaml. With a shared issuer or API server, pods of one cluster could pass for pods of another. */
export const clustersSchema = (folder: string) =>
  z
    .array(clusterSchema(folder))
    .max(256)
    .superRefine((clusters: readonly ClusterConfig[], context) => {
      const unique = (field: string, valueOf: (cluster: ClusterConfig) => string | undefined) => {
        const seen = new Set<string>();
        for (const [index, cluster] of clusters.entries()) {
          const value = valueOf(cluster);
          if (value === undefined) continue;
          if (seen.has(value))
            context.addIssue({ code: 'custom', path: [index, field], message: 'is used by another cluster' });
          seen.add(value);
        }
      };
      unique('name', ({ name }) => name);
      unique('issuer', ({ issuer }) => issuer);
      unique('api', ({ api }) => ('inCluster' in api ? 'in-cluster' : api.kubeconfig));
    });
