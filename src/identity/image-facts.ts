import { isJsonObject } from './strict-json.ts';
import type { ImageFacts } from './identity.ts';

const unknown: ImageFacts = { known: false };
const digestAtEnd = /@(sha256:[0-9a-f]{64})$/;

/**
 * Digests of all images that the pod can run. The spec must pin each of them; a tag may point elsewhere tomorrow. The
 * runtime's `imageID`, once there is one, must name the same digest: a runtime that reports something else (its own image
 * id, another platform's manifest, the image before an update) leaves the question open, and open means unknown.
 */
export function readImageFacts(
  spec: Readonly<Record<string, unknown>>,
  status: Readonly<Record<string, unknown>>,
): ImageFacts {
  // Ephemeral containers are added to a running pod by whoever debugs it; what they run was never the pod's image.
  if (items(spec['ephemeralContainers']).length > 0) return unknown;
  const containers = [...items(spec['containers']), ...items(spec['initContainers'])];
  const byName = new Map<unknown, string>();
  for (const container of containers) {
    const digest = digestOf(container['image']);
    if (digest === undefined) return unknown;
    byName.set(container['name'], digest);
  }
  if (byName.size === 0 || byName.size !== containers.length) return unknown;
  for (const running of [...items(status['containerStatuses']), ...items(status['initContainerStatuses'])]) {
    if (!agrees(running, byName.get(running['name']))) return unknown;
  }
  return { known: true, digests: [...new Set(byName.values())].sort() };
}

function agrees(container: Readonly<Record<string, unknown>>, digest: string | undefined): boolean {
  const imageId = container['imageID'];
  const state = container['state'];
  if (typeof imageId === 'string' && imageId !== '') return digestOf(imageId) === digest;
  // No image id is right for a container that waits, and only for that one.
  return !isJsonObject(state) || (state['running'] === undefined && state['terminated'] === undefined);
}

function digestOf(reference: unknown): string | undefined {
  return typeof reference === 'string' ? digestAtEnd.exec(reference)?.[1] : undefined;
}

function items(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
