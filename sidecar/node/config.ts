import { LeaseholdError } from '../../src/platform/error.ts';
import type { LogLevel } from '../../src/platform/log.ts';
import { readYamlValue } from '../../src/platform/yaml-document.ts';
import { mapping, oneOf, optional, whole } from '../checked-value.ts';
import { absolutePath, addresses, brokerConfig, type BrokerConfig, logConfig } from '../config-values.ts';

/** What `node-agent.yaml` says, checked. Holds no secret. */
export interface NodeAgentConfig {
  readonly broker: BrokerConfig;
  /** PEM files that name this node. */
  readonly certificate: string;
  readonly key: string;
  /** Where the two files come from, when the broker makes them; undefined when the site places them. */
  readonly enrolment: { readonly address: readonly string[]; readonly tokenFile: string } | undefined;
  /** Where prolog and epilog reach the agent. */
  readonly socket: string;
  readonly files: {
    /** A memory filesystem of its own. */
    readonly root: string;
    readonly mount: 'auto' | 'never';
    readonly sizeMiB: number;
  };
  readonly prolog: {
    /** How long a prolog may wait for the files; below Slurm's MessageTimeout. */
    readonly seconds: number;
    /** What becomes of a run that no broker told of in that time: fail its tasks, or start them without files. */
    readonly unserved: 'fail' | 'start';
  };
  /** Program that tells processes of a job of a rotation. */
  readonly notifier: string;
  readonly log: { readonly level: LogLevel };
}

const defaultRoot = '/run/leasehold';
const files = { root: defaultRoot, mount: 'auto', sizeMiB: 64 } as const;
const prolog = { seconds: 8, unserved: 'fail' } as const;

const document = mapping<NodeAgentConfig>({
  broker: brokerConfig,
  certificate: absolutePath,
  key: absolutePath,
  enrolment: optional(
    mapping<NonNullable<NodeAgentConfig['enrolment']>>({ address: addresses, tokenFile: absolutePath }),
  ),
  socket: optional(absolutePath, `${defaultRoot}/agent.sock`),
  files: optional(
    mapping<NodeAgentConfig['files']>({
      root: optional(absolutePath, files.root),
      mount: optional(oneOf(['auto', 'never'] as const), files.mount),
      sizeMiB: optional(whole({ min: 1, max: 65_536 }), files.sizeMiB),
    }),
    files,
  ),
  prolog: optional(
    mapping<NodeAgentConfig['prolog']>({
      seconds: optional(whole({ min: 1, max: 600 }), prolog.seconds),
      unserved: optional(oneOf(['fail', 'start'] as const), prolog.unserved),
    }),
    prolog,
  ),
  notifier: optional(absolutePath, '/usr/libexec/leasehold/leasehold-notify'),
  log: logConfig,
});

/** Throws `config_invalid` whose detail names the key path, or the line, and the rule; never the value. */
export function parseNodeAgentConfig(source: string): NodeAgentConfig {
  const read = readYamlValue(source);
  if (!read.ok) throw new LeaseholdError('config_invalid', { detail: read.problems.join('\n') });
  return document(read.value, '');
}
