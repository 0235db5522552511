import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Problem } from '../platform/schema-problem.ts';
import { parseYamlDocument } from '../platform/yaml-document.ts';
import { bundleName, bundleSchema } from './bundle-schema.ts';
import type { Bundle } from './bundle.ts';
import { grantSchema } from './grant-schema.ts';
import type { Grant, Policy } from './grant.ts';
import { matchesPattern } from '../platform/name-pattern.ts';

/** The schema of policy.yaml. */
export const policySchema = z
  .strictObject({ bundles: z.record(bundleName, bundleSchema), grants: z.array(grantSchema).max(10_000) })
  .transform(({ bundles, grants }): Policy => ({
    bundles: new Map(Object.entries(bundles).map(([name, bundle]) => [name, { name, ...bundle }])),
    grants,
  }));

/** The text of policy.yaml, checked as a whole. Throws `config_invalid` with every problem in its detail. */
export function parsePolicy(text: string): Policy {
  return parseYamlDocument({ text, schema: policySchema, check: checkPolicy });
}

/** Names one version of the policy in records: the first 12 hex digits of the text's SHA-256. */
export function policyRevision(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 12);
}

function checkPolicy({ bundles, grants }: Policy): readonly Problem[] {
  return [...sharedTokenRoles([...bundles.values()]), ...brokenGrants(grants, [...bundles.keys()])];
}

/** One role's tokens can read all that the role's policy lists, so a shared one would lend one bundle's secrets to another's holders. */
function sharedTokenRoles(bundles: readonly Bundle[]): readonly Problem[] {
  const seen = new Set<string>();
  return bundles.flatMap(({ name, tokenRole }) => {
    if (seen.has(tokenRole))
      return [{ path: ['bundles', name, 'tokenRole'], rule: 'is used by another bundle' }];
    seen.add(tokenRole);
    return [];
  });
}

function brokenGrants(grants: readonly Grant[], names: readonly string[]): readonly Problem[] {
  const seen = new Set<string>();
  return grants.flatMap((grant, index): Problem[] => {
    const broken: Problem[] = [];
    if (seen.has(grant.name))
      broken.push({ path: ['grants', index, 'name'], rule: 'is used by another grant' });
    seen.add(grant.name);
    // A misspelt deny would silently deny nothing.
    if (!grant.bundles.every((pattern) => names.some((name) => matchesPattern(pattern, name))))
      broken.push({ path: ['grants', index, grant.effect], rule: 'names a bundle that does not exist' });
    return broken;
  });
}
