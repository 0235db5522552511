// Original file: proto/leasehold/v1/run.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { EndRunRequest as _leasehold_v1_EndRunRequest, EndRunRequest__Output as _leasehold_v1_EndRunRequest__Output } from '../../leasehold/v1/EndRunRequest.ts';
import type { EndRunResponse as _leasehold_v1_EndRunResponse, EndRunResponse__Output as _leasehold_v1_EndRunResponse__Output } from '../../leasehold/v1/EndRunResponse.ts';
import type { GetRunMatchersRequest as _leasehold_v1_GetRunMatchersRequest, GetRunMatchersRequest__Output as _leasehold_v1_GetRunMatchersRequest__Output } from '../../leasehold/v1/GetRunMatchersRequest.ts';
import type { GetRunMatchersResponse as _leasehold_v1_GetRunMatchersResponse, GetRunMatchersResponse__Output as _leasehold_v1_GetRunMatchersResponse__Output } from '../../leasehold/v1/GetRunMatchersResponse.ts';
import type { RegisterRunRequest as _leasehold_v1_RegisterRunRequest, RegisterRunRequest__Output as _leasehold_v1_RegisterRunRequest__Output } from '../../leasehold/v1/RegisterRunRequest.ts';
import type { RegisterRunResponse as _leasehold_v1_RegisterRunResponse, RegisterRunResponse__Output as _leasehold_v1_RegisterRunResponse__Output } from '../../leasehold/v1/RegisterRunResponse.ts';
import type { ReportRunsRequest as _leasehold_v1_ReportRunsRequest, ReportRunsRequest__Output as _leasehold_v1_ReportRunsRequest__Output } from '../../leasehold/v1/ReportRunsRequest.ts';
import type { ReportRunsResponse as _leasehold_v1_ReportRunsResponse, ReportRunsResponse__Output as _leasehold_v1_ReportRunsResponse__Output } from '../../leasehold/v1/ReportRunsResponse.ts';
import type { ReportUndeliveredRequest as _leasehold_v1_ReportUndeliveredRequest, ReportUndeliveredRequest__Output as _leasehold_v1_ReportUndeliveredRequest__Output } from '../../leasehold/v1/ReportUndeliveredRequest.ts';
import type { ReportUndeliveredResponse as _leasehold_v1_ReportUndeliveredResponse, ReportUndeliveredResponse__Output as _leasehold_v1_ReportUndeliveredResponse__Output } from '../../leasehold/v1/ReportUndeliveredResponse.ts';

/**
 * What a batch scheduler's signer tells the broker about runs. A run is one start of one job: cluster, job id and the start that the
 * controller gave it. Served on the listener for nodes and signers, over mutual TLS; the signer's certificate names its cluster, and a
 * call about any other cluster is refused. No secret travels here.
 */
export interface RunServiceClient extends grpc.Client {
  /**
   * The scheduler has begun to end a run: nothing new is issued for it, and what it holds ends when its nodes have let go, or after
   * the grace time at the latest. Never creates or tombstones anything for a run that was not registered.
   */
  EndRun(argument: _leasehold_v1_EndRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  EndRun(argument: _leasehold_v1_EndRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  EndRun(argument: _leasehold_v1_EndRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  EndRun(argument: _leasehold_v1_EndRunRequest, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The scheduler has begun to end a run: nothing new is issued for it, and what it holds ends when its nodes have let go, or after
   * the grace time at the latest. Never creates or tombstones anything for a run that was not registered.
   */
  endRun(argument: _leasehold_v1_EndRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  endRun(argument: _leasehold_v1_EndRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  endRun(argument: _leasehold_v1_EndRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  endRun(argument: _leasehold_v1_EndRunRequest, callback: grpc.requestCallback<_leasehold_v1_EndRunResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Which runs need secrets, for the time when the broker is away. A node of the cluster may ask too.
   */
  GetRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  GetRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  GetRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  GetRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Which runs need secrets, for the time when the broker is away. A node of the cluster may ask too.
   */
  getRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  getRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  getRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  getRunMatchers(argument: _leasehold_v1_GetRunMatchersRequest, callback: grpc.requestCallback<_leasehold_v1_GetRunMatchersResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Registers a run before its nodes start it. The same run with the same facts again gets the same answer; with a later end it
   * raises the end. A new run of a job ends all earlier runs of that job.
   */
  RegisterRun(argument: _leasehold_v1_RegisterRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  RegisterRun(argument: _leasehold_v1_RegisterRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  RegisterRun(argument: _leasehold_v1_RegisterRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  RegisterRun(argument: _leasehold_v1_RegisterRunRequest, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Registers a run before its nodes start it. The same run with the same facts again gets the same answer; with a later end it
   * raises the end. A new run of a job ends all earlier runs of that job.
   */
  registerRun(argument: _leasehold_v1_RegisterRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  registerRun(argument: _leasehold_v1_RegisterRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  registerRun(argument: _leasehold_v1_RegisterRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  registerRun(argument: _leasehold_v1_RegisterRunRequest, callback: grpc.requestCallback<_leasehold_v1_RegisterRunResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The scheduler's whole truth about one cluster, or a range of its jobs, at one instant. Registered runs that are clearly older than that instant and not among
   * these have ended. Refused when that instant is ahead of the broker's clock.
   */
  ReportRuns(argument: _leasehold_v1_ReportRunsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  ReportRuns(argument: _leasehold_v1_ReportRunsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  ReportRuns(argument: _leasehold_v1_ReportRunsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  ReportRuns(argument: _leasehold_v1_ReportRunsRequest, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The scheduler's whole truth about one cluster, or a range of its jobs, at one instant. Registered runs that are clearly older than that instant and not among
   * these have ended. Refused when that instant is ahead of the broker's clock.
   */
  reportRuns(argument: _leasehold_v1_ReportRunsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  reportRuns(argument: _leasehold_v1_ReportRunsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  reportRuns(argument: _leasehold_v1_ReportRunsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  reportRuns(argument: _leasehold_v1_ReportRunsRequest, callback: grpc.requestCallback<_leasehold_v1_ReportRunsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * From a node of the run, not the signer: it could not deliver the run's files, and tasks there will fail. The broker keeps the first word
   * of each node; whether the job is to be cancelled for it is the policy's to say. Refused for runs that are over, or not this node's.
   */
  ReportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  ReportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  ReportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  ReportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  /**
   * From a node of the run, not the signer: it could not deliver the run's files, and tasks there will fail. The broker keeps the first word
   * of each node; whether the job is to be cancelled for it is the policy's to say. Refused for runs that are over, or not this node's.
   */
  reportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  reportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  reportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  reportUndelivered(argument: _leasehold_v1_ReportUndeliveredRequest, callback: grpc.requestCallback<_leasehold_v1_ReportUndeliveredResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * What a batch scheduler's signer tells the broker about runs. A run is one start of one job: cluster, job id and the start that the
 * controller gave it. Served on the listener for nodes and signers, over mutual TLS; the signer's certificate names its cluster, and a
 * call about any other cluster is refused. No secret travels here.
 */
export interface RunServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * The scheduler has begun to end a run: nothing new is issued for it, and what it holds ends when its nodes have let go, or after
   * the grace time at the latest. Never creates or tombstones anything for a run that was not registered.
   */
  EndRun: grpc.handleUnaryCall<_leasehold_v1_EndRunRequest__Output, _leasehold_v1_EndRunResponse>;
  
  /**
   * Which runs need secrets, for the time when the broker is away. A node of the cluster may ask too.
   */
  GetRunMatchers: grpc.handleUnaryCall<_leasehold_v1_GetRunMatchersRequest__Output, _leasehold_v1_GetRunMatchersResponse>;
  
  /**
   * Registers a run before its nodes start it. The same run with the same facts again gets the same answer; with a later end it
   * raises the end. A new run of a job ends all earlier runs of that job.
   */
  RegisterRun: grpc.handleUnaryCall<_leasehold_v1_RegisterRunRequest__Output, _leasehold_v1_RegisterRunResponse>;
  
  /**
   * The scheduler's whole truth about one cluster, or a range of its jobs, at one instant. Registered runs that are clearly older than that instant and not among
   * these have ended. Refused when that instant is ahead of the broker's clock.
   */
  ReportRuns: grpc.handleUnaryCall<_leasehold_v1_ReportRunsRequest__Output, _leasehold_v1_ReportRunsResponse>;
  
  /**
   * From a node of the run, not the signer: it could not deliver the run's files, and tasks there will fail. The broker keeps the first word
   * of each node; whether the job is to be cancelled for it is the policy's to say. Refused for runs that are over, or not this node's.
   */
  ReportUndelivered: grpc.handleUnaryCall<_leasehold_v1_ReportUndeliveredRequest__Output, _leasehold_v1_ReportUndeliveredResponse>;
  
}

export interface RunServiceDefinition extends grpc.ServiceDefinition {
  EndRun: MethodDefinition<_leasehold_v1_EndRunRequest, _leasehold_v1_EndRunResponse, _leasehold_v1_EndRunRequest__Output, _leasehold_v1_EndRunResponse__Output>
  GetRunMatchers: MethodDefinition<_leasehold_v1_GetRunMatchersRequest, _leasehold_v1_GetRunMatchersResponse, _leasehold_v1_GetRunMatchersRequest__Output, _leasehold_v1_GetRunMatchersResponse__Output>
  RegisterRun: MethodDefinition<_leasehold_v1_RegisterRunRequest, _leasehold_v1_RegisterRunResponse, _leasehold_v1_RegisterRunRequest__Output, _leasehold_v1_RegisterRunResponse__Output>
  ReportRuns: MethodDefinition<_leasehold_v1_ReportRunsRequest, _leasehold_v1_ReportRunsResponse, _leasehold_v1_ReportRunsRequest__Output, _leasehold_v1_ReportRunsResponse__Output>
  ReportUndelivered: MethodDefinition<_leasehold_v1_ReportUndeliveredRequest, _leasehold_v1_ReportUndeliveredResponse, _leasehold_v1_ReportUndeliveredRequest__Output, _leasehold_v1_ReportUndeliveredResponse__Output>
}
