import type { BrokerConfig } from '../broker/config.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { EnrolmentSetup } from '../backend/setup/pki-role.ts';
import type { Bundle } from '../policy/bundle.ts';
import type { OptionSpecs } from './spec.ts';
import { readInput } from './read-input.ts';
import { WrongUse } from './wrong-use.ts';

export const configOption = {
  config: {
    kind: 'text',
    required: true,
    value: 'FILE',
    help: "the broker's configuration; the policy that it names is read too",
  },
} as const satisfies OptionSpecs;

const maxPolicyBytes = 1_048_576;

/**
 * What setup needs of broker.yaml and policy.yaml. The other files that broker.yaml names are not looked at: an
 * operator's machine has neither keys nor credentials of the broker. Throws WrongUse with every problem found.
 */
export async function readSetupInput(
  file: string,
): Promise<{ readonly config: BrokerConfig; readonly bundles: readonly Bundle[] }> {
  const { readBrokerConfig } = await import('../broker/config.ts');
  const { parsePolicy } = await import('../policy/policy-file.ts');
  try {
    const outcome = await readBrokerConfig(file);
    if (!outcome.ok) throw problems(file, outcome.problems);
    const policyFile = outcome.value.policy.file;
    const text = (await readInput(`${file}: policy.file`, policyFile, maxPolicyBytes)).toString('utf8');
    try {
      return { config: outcome.value, bundles: [...parsePolicy(text).bundles.values()] };
    } catch (error) {
      if (!(error instanceof LeaseholdError)) throw error;
      throw problems(policyFile, (error.detail ?? error.message).split('\n'));
    }
  } catch (error) {
    if (error instanceof LeaseholdError) throw new WrongUse(`--config: ${error.detail ?? error.message}`);
    throw error;
  }
}

function problems(file: string, lines: readonly string[]): WrongUse {
  return new WrongUse(`${file} is not valid`, lines.join('\n'));
}

/** What setup needs of a configuration beside bundles. */
export function setupOptions(config: BrokerConfig): {
  readonly probationSeconds: number;
  readonly enrolment: EnrolmentSetup | undefined;
} {
  const { trustDomain, nodes, slurm = [] } = config;
  const clusters = slurm.map(({ name }) => name);
  return {
    probationSeconds: config.backend.vault.probationSeconds,
    enrolment: nodes?.enrolment === undefined ? undefined : { ...nodes.enrolment, trustDomain, clusters },
  };
}
