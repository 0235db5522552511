import { errorMessages } from '../../platform/error.ts';
import type { ExplainResponse__Output as Explained } from '../../rpc/gen/leasehold/v1/ExplainResponse.ts';
import { connectionOptions } from '../connection-options.ts';
import { withBroker } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { exitStatus } from '../exit-status.ts';
import { explainRequest, subjectOptions } from '../explain-request.ts';
import { outputOption, print } from '../output.ts';
import type { Look } from '../output.ts';
import { renderFacts, renderTable } from '../table.ts';

export const explain = defineCommand({
  name: 'explain',
  summary: 'say which rule would grant or refuse a bundle, and issue nothing',
  details: [
    'Asks for a token, which is verified as the workload itself would be, or for a pod or a batch run in words, which need not exist. Locks and tombstones count.',
    'The exit status is 0 when the bundle would be granted and 1 when it would be refused.',
  ],
  arguments: {},
  options: {
    bundle: { kind: 'text', required: true, value: 'NAME', help: 'bundle, exact' },
    ...subjectOptions,
    ...outputOption,
    ...connectionOptions,
  },
  examples: [
    'leasehold explain --bundle orders-db --cluster blue --namespace shop --service-account api --label team=orders',
    'leasehold explain --bundle orders-db --token-file ./token',
    'leasehold explain --bundle orders-db --cluster hpc --user alice --partition gpu --node n1 --node n2',
  ],
  run: async ({ options }, world) => {
    const request = await explainRequest(options.bundle, options);
    const answer = await withBroker(options, world, (client) => client.explain(request, world.interrupted));
    await print(world, options.output, {
      data: {
        bundle: options.bundle,
        allowed: answer.allowed,
        code: answer.code === '' ? null : answer.code,
        rule: answer.rule === '' ? null : answer.rule,
        spiffeId: answer.spiffeId === '' ? null : answer.spiffeId,
        nodeWithoutSecrets: answer.nodeWithoutSecrets === '' ? null : answer.nodeWithoutSecrets,
        rules: answer.rules.map(({ rule, effect, matched, failed }) => {
          return { rule, effect, matched, failed: failed === '' ? null : failed };
        }),
      },
      table: (look) => explanation(options.bundle, answer, look),
    });
    return answer.allowed ? exitStatus.done : exitStatus.refused;
  },
});

function explanation(bundle: string, answer: Explained, look: Look): string {
  const facts = renderFacts(
    [
      [
        'Decision',
        answer.allowed ? { text: 'granted', colour: 'green' } : { text: 'refused', colour: 'red' },
      ],
      ...(answer.code === '' ? [] : [['Because', because(answer.code)] as const]),
      ['Rule', answer.rule === '' ? 'none' : answer.rule],
      ['Bundle', bundle],
      ['Identity', answer.spiffeId],
      ...(answer.nodeWithoutSecrets === ''
        ? []
        : [['If a node lacks it', becomes(answer.nodeWithoutSecrets)] as const]),
    ],
    look.isColoured,
  );
  if (answer.rules.length === 0) return `${facts}\nno rule names this bundle\n`;
  const rules = renderTable({
    head: ['RULE', 'EFFECT', 'MATCHED', 'FAILED AT'],
    rows: answer.rules.map(({ rule, effect, matched, failed }) => [
      rule,
      effect,
      matched ? 'yes' : 'no',
      failed,
    ]),
    isColoured: look.isColoured,
  });
  return `${facts}\n${rules}`;
}

function becomes(nodeWithoutSecrets: string): string {
  return nodeWithoutSecrets === 'cancel_job' ? 'the job is cancelled' : 'tasks on that node fail';
}

function because(code: string): string {
  const words = Object.entries(errorMessages).find(([known]) => known === code)?.[1];
  return words === undefined ? code : `${words} (${code})`;
}
