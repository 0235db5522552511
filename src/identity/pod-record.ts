import { z } from 'zod';
import type { ImageFacts } from './identity.ts';
import { readImageFacts } from './image-facts.ts';
import { namespaceName, objectName, objectUid } from './kubernetes-names.ts';
import { isJsonObject } from './strict-json.ts';
import type { JsonObject } from './strict-json.ts';

/** All that the broker remembers of a pod; a whole pod object is ten to fifty times as large. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty for the static pods of a node, which have none and so can never hold a token. */
  readonly serviceAccount: string;
  /** Empty until the pod is scheduled. */
  readonly node: string;
  /** Succeeded or Failed: its containers will not run again. */
  readonly finished: boolean;
  /** `deletionTimestamp` in milliseconds since the Unix epoch, grace period included; undefined while nobody deletes it. */
  readonly deletionAt: number | undefined;
  /** `deletionGracePeriodSeconds`: how long before `deletionAt` it was asked to go. */
  readonly gracePeriodSeconds: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly images: ImageFacts;
}

const podSchema = z.object({
  metadata: z.object({
    uid: objectUid,
    namespace: namespaceName,
    name: objectName,
    deletionTimestamp: z.iso.datetime({ offset: true }).optional(),
    deletionGracePeriodSeconds: z.int().nonnegative().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.object({ serviceAccountName: objectName.optional(), nodeName: objectName.optional() }),
  status: z.object({ phase: z.string().optional() }).optional(),
});

/** Equal strings, label sets and digest lists are kept once: pods of one ReplicaSet differ in name, UID and node only. */
export interface Interner {
  text(value: string): string;
  /** The first value that was given under this key. */
  value<T extends object>(kind: string, key: string, value: T): T;
}

/** A pod of the API server's JSON cut down to its record; undefined when it is not a pod by the API's own rules. */
export function parsePod(value: unknown, interner: Interner): PodRecord | undefined {
  const parsed = podSchema.safeParse(value);
  if (!parsed.success || !isJsonObject(value)) return undefined;
  const { metadata, spec, status } = parsed.data;
  const phase = status?.phase;
  return {
    uid: metadata.uid,
    namespace: interner.text(metadata.namespace),
    name: metadata.name,
    serviceAccount: interner.text(spec.serviceAccountName ?? ''),
    node: interner.text(spec.nodeName ?? ''),
    finished: phase === 'Succeeded' || phase === 'Failed',
    deletionAt: metadata.deletionTimestamp === undefined ? undefined : Date.parse(metadata.deletionTimestamp),
    gracePeriodSeconds: metadata.deletionGracePeriodSeconds,
    labels: labelsOf(metadata.labels ?? {}, interner),
    images: imagesOf(value, interner),
  };
}

/** The UID alone, for a deletion of something we could not or need not read whole. */
export function podUid(value: unknown): string | undefined {
  const parsed = z.object({ metadata: z.object({ uid: objectUid }) }).safeParse(value);
  return parsed.success ? parsed.data.metadata.uid : undefined;
}

function labelsOf(labels: Readonly<Record<string, string>>, interner: Interner): PodRecord['labels'] {
  // Without a prototype, so that a rule on the label "constructor" meets labels only. `create` returns `any`.
  const own = Object.create(null) as Record<string, string>;
  for (const key of Object.keys(labels).sort()) own[interner.text(key)] = interner.text(labels[key] ?? '');
  return interner.value('labels', JSON.stringify(own), Object.freeze(own));
}

function imagesOf(pod: JsonObject, interner: Interner): ImageFacts {
  const { spec, status } = pod;
  const facts = readImageFacts(isJsonObject(spec) ? spec : {}, isJsonObject(status) ? status : {});
  if (!facts.known) return interner.value('images', '', facts);
  return interner.value('images', facts.digests.join(), {
    known: true,
    digests: facts.digests.map((digest) => interner.text(digest)),
  });
}

/** Forgets all when full; what records hold stays valid, later ones merely share less. */
export function createInterner(options: { readonly maxEntries: number }): Interner {
  const texts = new Map<string, string>();
  const values = new Map<string, object>();
  return {
    text: (value) => {
      const found = texts.get(value);
      if (found !== undefined) return found;
      if (texts.size >= options.maxEntries) texts.clear();
      texts.set(value, value);
      return value;
    },
    value: <T extends object>(kind: string, key: string, value: T): T => {
      const id = `${kind}:${key}`;
      const found = values.get(id);
      // Only values of the same kind are stored under `kind:`, so this is a T.
      if (found !== undefined) return found as T;
      if (values.size >= options.maxEntries) values.clear();
      values.set(id, value);
      return value;
    },
  };
}
