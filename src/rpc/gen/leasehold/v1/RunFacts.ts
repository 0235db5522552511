// Original file: proto/leasehold/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A run of a batch scheduler as people see it.
 */
export interface RunFacts {
  /**
   * Job id.
   */
  'jobId'?: (number | string | Long);
  /**
   * Start of the run; milliseconds since the Unix epoch.
   */
  'startMs'?: (number | string | Long);
  /**
   * `<job id of the array>_<task>`; empty for what is no task of an array.
   */
  'array'?: (string);
  /**
   * `<job id of the leader>+<offset>`; empty for what is no component of a heterogeneous job.
   */
  'het'?: (string);
  /**
   * Owner.
   */
  'user'?: (string);
  /**
   * Account; empty without one.
   */
  'account'?: (string);
  /**
   * Partition.
   */
  'partition'?: (string);
  /**
   * Quality of service; empty without one.
   */
  'qos'?: (string);
  /**
   * How many nodes it runs on.
   */
  'nodes'?: (number);
  /**
   * How often its job was started before, as the controller said when the run was registered. For people alone: it is no key, and nothing may be
   * decided by it. Hooks at the end of a run are told the count of the next one, and users can write any into the environment of their tasks.
   */
  'restarts'?: (number);
  /**
   * Slurm's own name of the run, as it was registered; empty where it has none. A run that was resized since has another one by now.
   */
  'sluid'?: (string);
  '_restarts'?: "restarts";
}

/**
 * A run of a batch scheduler as people see it.
 */
export interface RunFacts__Output {
  /**
   * Job id.
   */
  'jobId': (number);
  /**
   * Start of the run; milliseconds since the Unix epoch.
   */
  'startMs': (number);
  /**
   * `<job id of the array>_<task>`; empty for what is no task of an array.
   */
  'array': (string);
  /**
   * `<job id of the leader>+<offset>`; empty for what is no component of a heterogeneous job.
   */
  'het': (string);
  /**
   * Owner.
   */
  'user': (string);
  /**
   * Account; empty without one.
   */
  'account': (string);
  /**
   * Partition.
   */
  'partition': (string);
  /**
   * Quality of service; empty without one.
   */
  'qos': (string);
  /**
   * How many nodes it runs on.
   */
  'nodes': (number);
  /**
   * How often its job was started before, as the controller said when the run was registered. For people alone: it is no key, and nothing may be
   * decided by it. Hooks at the end of a run are told the count of the next one, and users can write any into the environment of their tasks.
   */
  'restarts'?: (number);
  /**
   * Slurm's own name of the run, as it was registered; empty where it has none. A run that was resized since has another one by now.
   */
  'sluid': (string);
  '_restarts'?: "restarts";
}
