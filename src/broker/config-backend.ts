import * as z from 'zod';
import { defaultRequestLimitSeconds, longestProbationSeconds } from '../backend/vault/vault-config.ts';
import type { VaultAuth, VaultConfig } from '../backend/vault/vault-config.ts';
import { brokenMountedPathRule, brokenPathRule } from '../policy/backend-path.ts';
import { brokenOriginRule, filePath, ruledText, token, whole } from './config-values.ts';

export interface BackendConfig {
  readonly vault: VaultConfig;
  /** Engine paths whose first lease may be longer than the probation: a crash can leave such a credential alive for as long. */
  readonly allowLongLeases: readonly string[];
  /** Absent: none are sent. */
  readonly canary?: CanaryConfig;
}

export interface CanaryConfig {
  readonly intervalSeconds: number;
  /** Engine paths; absent: every one that the policy's bundles lease from. */
  readonly paths?: readonly string[];
}

const mount = ruledText(brokenPathRule);

const authSchema = (folder: string) =>
  z
    .strictObject({
      tokenFile: filePath(folder).exactOptional(),
      appRole: z
        .strictObject({
          mount: mount.default('approle'),
          roleIdFile: filePath(folder),
          secretIdFile: filePath(folder),
        })
        .exactOptional(),
      jwt: z.strictObject({ mount, role: token, tokenFile: filePath(folder) }).exactOptional(),
    })
    .transform(({ tokenFile, appRole, jwt }, context): VaultAuth => {
      if ([tokenFile, appRole, jwt].filter((form) => form !== undefined).length === 1) {
        if (tokenFile !== undefined) return { kind: 'token', tokenFile };
        if (appRole !== undefined) return { kind: 'appRole', ...appRole };
        if (jwt !== undefined) return { kind: 'jwt', ...jwt };
      }
      context.addIssue('must have exactly one of tokenFile, appRole and jwt');
      return z.NEVER;
    });

/** `backend` of broker.yaml. The in-memory backend has no key here on purpose: it is for development only. */
export const backendSchema = (folder: string) =>
  z.strictObject({
    vault: z
      .strictObject({
        address: ruledText(brokenOriginRule).transform((text) => new URL(text).origin),
        ca: filePath(folder).exactOptional(),
        namespace: ruledText(brokenPathRule).exactOptional(),
        auth: authSchema(folder),
        requestLimitSeconds: whole(1, 600).default(defaultRequestLimitSeconds),
        probationSeconds: whole(1, longestProbationSeconds).default(longestProbationSeconds),
      })
      .transform((vault): VaultConfig => vault),
    allowLongLeases: z.array(ruledText(brokenMountedPathRule)).max(1_000).default([]),
    canary: z
      .strictObject({
        // A day at most: the ledger has to know the one before.
        intervalSeconds: whole(10, 86_400).default(3_600),
        paths: z
          .array(ruledText(brokenMountedPathRule))
          .min(1, { error: 'must not be empty: leave it out for every path of the policy' })
          .max(1_000)
          .refine((paths) => new Set(paths).size === paths.length, { error: 'must not name a path twice' })
          .exactOptional(),
      })
      .exactOptional(),
  });
