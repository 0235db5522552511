import { bundleName } from '../src/platform/bundle-name.ts';
import type { LogLevel } from '../src/platform/log.ts';
import { readYamlValue } from '../src/platform/yaml-document.ts';
import { LeaseholdError } from '../src/platform/error.ts';
import type { HostPort } from '../src/rpc/client/host-port.ts';
import type { FileSpec } from '../src/rpc/client/hold-messages.ts';
import {
  broken,
  entries,
  flag,
  list,
  mapping,
  oneOf,
  optional,
  text,
  whole,
  type ReadValue,
} from './checked-value.ts';
import { absolutePath, brokerConfig, hostPort, logConfig, type BrokerConfig } from './config-values.ts';
import { readFileLayout } from './config-files.ts';
import { pathProblem } from './deliver/layout.ts';
import { notifySignals, type Notification } from './notify.ts';

/** What `sidecar.yaml` says, checked. Holds no secret. */
export interface SidecarConfig {
  readonly broker: BrokerConfig;
  /** File of the projected service-account token. */
  readonly credential: string;
  /** Folder on a memory filesystem; each bundle has a folder in it. */
  readonly target: string;
  readonly allowDisk: boolean;
  readonly onExit: 'wipe' | 'keep';
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly health: {
    readonly listen: HostPort | undefined;
    readonly startedFile: string | undefined;
    readonly readyFile: string | undefined;
  };
  readonly log: { readonly level: LogLevel };
  /** For `--once`: seconds after which it gives up. */
  readonly onceSeconds: number;
  readonly bundles: readonly BundleConfig[];
}

export interface BundleConfig {
  readonly name: string;
  /** One segment below the target. */
  readonly folder: string;
  /** In place of the layout that the broker's policy gives. */
  readonly files: readonly FileSpec[] | undefined;
  readonly notify: Notification;
  /** Acknowledge only what the program has been told of. */
  readonly requireAck: boolean;
}

const maxId = 2 ** 31 - 1;
const maxBundles = 64;

/** Port 0 takes any that is free. */
const listen: ReadValue<HostPort> = (value, path) => {
  if (typeof value !== 'string') throw broken(path, 'must be host:port');
  return hostPort(value, path, { minPort: 0 });
};

const folder: ReadValue<string> = (value, path) => {
  const segment = text(/^[^/]+$/, 'must be one path segment')(value, path);
  const problem = pathProblem(segment);
  if (problem !== undefined) throw broken(path, problem);
  return segment;
};

const loopbackUrl: ReadValue<URL> = (value, path) => {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  const isLoopback =
    url !== null &&
    (/^127\.[0-9.]+$/.test(url.hostname) || url.hostname === '[::1]' || url.hostname === 'localhost');
  // Anything further away could be told when secrets change, and could be made to be called.
  if (!isLoopback || url.protocol !== 'http:' || url.username !== '' || url.password !== '') {
    throw broken(path, 'must be an http URL of a loopback address, without a user');
  }
  return url;
};

const signalNotice = mapping<{ signal: (typeof notifySignals)[number]; pidFile: string }>({
  signal: oneOf(notifySignals),
  pidFile: absolutePath,
});

const notification: ReadValue<Notification> = (value, path) => {
  const read = mapping<{
    signal: { signal: (typeof notifySignals)[number]; pidFile: string } | undefined;
    http: URL | undefined;
  }>({
    signal: optional(signalNotice),
    http: optional(loopbackUrl),
  })(value, path);
  if (read.signal !== undefined && read.http === undefined) return { kind: 'signal', ...read.signal };
  if (read.http !== undefined && read.signal === undefined) return { kind: 'http', url: read.http };
  throw broken(path, 'must have signal or http, and not both');
};

const files: ReadValue<readonly FileSpec[]> = (value, path) =>
  entries(
    (key) => String(key),
    (entry, entryPath) => readFileLayout(entry, entryPath),
  )(value, path).map(([filePath, layout]) => {
    const problem = pathProblem(filePath);
    if (problem !== undefined) throw broken(path, problem);
    return { path: filePath, ...layout };
  });

const bundle: ReadValue<BundleConfig> = (value, path) => {
  const read = mapping<Omit<BundleConfig, 'folder'> & { folder: string | undefined }>({
    name: text(bundleName, 'must be the name of a bundle: lower case letters, digits and . _ -'),
    folder: optional(folder),
    files: optional(files),
    notify: optional(notification, { kind: 'none' }),
    requireAck: optional(flag, false),
  })(value, path);
  return { ...read, folder: read.folder ?? folder(read.name, `${path}.name`) };
};

const document = mapping<SidecarConfig>({
  broker: brokerConfig,
  credential: absolutePath,
  target: absolutePath,
  allowDisk: optional(flag, false),
  onExit: optional(oneOf(['wipe', 'keep'] as const), 'wipe'),
  uid: optional(whole({ min: 0, max: maxId })),
  gid: optional(whole({ min: 0, max: maxId })),
  health: optional(
    mapping<SidecarConfig['health']>({
      listen: optional(listen),
      startedFile: optional(absolutePath),
      readyFile: optional(absolutePath),
    }),
    { listen: undefined, startedFile: undefined, readyFile: undefined },
  ),
  log: logConfig,
  onceSeconds: optional(whole({ min: 1, max: 86_400 }), 300),
  bundles: list(bundle, { min: 1, max: maxBundles }),
});

/** Throws `config_invalid` whose detail names the key path, or the line, and the rule; never the value. */
export function parseSidecarConfig(source: string): SidecarConfig {
  const read = readYamlValue(source);
  if (!read.ok) throw new LeaseholdError('config_invalid', { detail: read.problems.join('\n') });
  const config = document(read.value, '');
  refuseTwice(
    config.bundles.map(({ name }) => name),
    'name',
  );
  refuseTwice(
    config.bundles.map((one) => one.folder),
    'folder',
  );
  return config;
}

function refuseTwice(values: readonly string[], key: string): void {
  const index = values.findIndex((value, at) => values.indexOf(value) !== at);
  if (index !== -1) throw broken(`bundles[${index}].${key}`, 'stands twice');
}
