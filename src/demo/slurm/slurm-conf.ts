import { hostname } from 'node:os';
import { join } from 'node:path';

/** slurm.conf of a whole cluster on loopback, with short times; `lines` are added to it, and replace those of the same key. */
export function slurmConf(options: {
  readonly name: string;
  readonly folder: string;
  readonly slurmUser: string;
  readonly controllerPort: number;
  /** Host names, the first one's controller before the others'. */
  readonly controllers: readonly string[];
  readonly nodes: readonly { readonly node: string; readonly port: number }[];
  readonly lines: readonly string[];
}): string {
  const at = (name: string) => join(options.folder, name);
  const keyOf = (line: string) => line.slice(0, line.indexOf('='));
  const replaced = new Set(options.lines.map(keyOf));
  const own = [
    `ClusterName=${options.name}`,
    ...options.controllers.map((host, index) => `SlurmctldHost=${host}(127.0.0.${index + 1})`),
    `SlurmUser=${options.slurmUser}`,
    `SlurmctldPort=${options.controllerPort}`,
    'CommunicationParameters=NoInAddrAny,NoCtldInAddrAny',
    'AuthType=auth/munge',
    'CredType=cred/munge',
    `AuthInfo=socket=${at('munge/socket')},cred_expire=5`,
    'MpiDefault=none',
    'SwitchType=switch/none',
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'JobAcctGatherType=jobacct_gather/none',
    'AccountingStorageType=accounting_storage/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'SlurmdParameters=config_overrides',
    'ReturnToService=2',
    'PrologFlags=Alloc',
    'KillWait=5',
    'MinJobAge=60',
    'SlurmdTimeout=30',
    // How long clients wait before they ask a backup again.
    ...(options.controllers.length > 1 ? ['SlurmctldTimeout=10', 'DebugFlags=NO_CONF_HASH'] : []),
    `StateSaveLocation=${at('state')}`,
    `SlurmdSpoolDir=${at('spool')}/%n`,
    `SlurmctldPidFile=${at('state')}/slurmctld.pid`,
    `SlurmdPidFile=${at('spool')}/%n.pid`,
    `SlurmctldLogFile=${at('log')}/slurmctld.log`,
    `SlurmdLogFile=${at('log')}/%n.log`,
    'SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1',
  ];
  return [
    ...own.filter((line) => !replaced.has(keyOf(line))),
    ...options.lines,
    ...options.nodes.map(
      ({ node, port }) =>
        `NodeName=${node} NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${port} CPUs=4 RealMemory=500 State=UNKNOWN`,
    ),
    'PartitionName=gpu Nodes=ALL Default=YES MaxTime=60 State=UP OverSubscribe=NO',
    'PartitionName=cpu Nodes=ALL MaxTime=60 State=UP OverSubscribe=NO',
    '',
  ].join('\n');
}
