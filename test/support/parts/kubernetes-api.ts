import type { KeyAndCertificate } from '../certificates.ts';
import { httpsRequest } from '../https-request.ts';
import { valueAt } from '../json.ts';

export type KubernetesMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What the API server answered. */
export interface KubernetesReply {
  readonly status: number;
  readonly body: unknown;
}

/** One cluster's HTTP API, with an administrator's certificate. PATCH is a JSON merge patch. */
export interface KubernetesApi {
  /** Resolves with any status. */
  request(method: KubernetesMethod, path: string, body?: unknown): Promise<KubernetesReply>;
  /** The same, but throws with the server's own message unless the status is 2xx; resolves with the body. */
  call(method: KubernetesMethod, path: string, body?: unknown): Promise<unknown>;
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** Plain HTTPS rather than the typed client: tests need ten calls of it, and no third view of the same objects. */
export const createKubernetesApi = (options: {
  readonly server: string;
  readonly ca: string;
  readonly client: KeyAndCertificate;
}): KubernetesApi => {
  const { server, ca, client } = options;
  const request: KubernetesApi['request'] = async (method, path, body) => {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const reply = await httpsRequest({ url: `${server}${path}`, method, body, contentType, ca, client });
    return { status: reply.status, body: parse(reply.text) };
  };
  const call: KubernetesApi['call'] = async (method, path, body) => {
    const reply = await request(method, path, body);
    if (reply.status >= 200 && reply.status < 300) return reply.body;
    throw new Error(
      `the API server answered ${reply.status} to ${method} ${path}: ${String(valueAt(reply.body, 'message'))}`,
    );
  };
  return { request, call };
};
