import type { DemoFiles } from './demo-files.ts';

/** Where the broker of the demo gets its secrets. */
export type DemoBackendChoice =
  | { readonly kind: 'memory' }
  | { readonly kind: 'vault'; readonly address: string; readonly tokenFile: string };

/** What the broker process is started with. */
export interface BrokerProcessOptions {
  readonly files: DemoFiles;
  readonly backend: DemoBackendChoice;
}

/** What the demo and its broker process say to each other: the part that a cluster would play. */
export type DemoRequest =
  | { readonly id: number; readonly ask: 'add_pod'; readonly name: string; readonly serviceAccount: string }
  | { readonly id: number; readonly ask: 'can_login'; readonly username: string; readonly password: string }
  | { readonly id: number; readonly ask: 'remove_pod'; readonly uid: string };

export type DemoReply =
  | { readonly ready: { readonly workloads: string; readonly admin: string } }
  | { readonly id: number; readonly uid: string; readonly token: string }
  | { readonly id: number; readonly canLogin: boolean }
  | { readonly id: number; readonly done: true };
