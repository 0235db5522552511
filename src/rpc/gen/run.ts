import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { EndRunRequest as _leasehold_v1_EndRunRequest, EndRunRequest__Output as _leasehold_v1_EndRunRequest__Output } from './leasehold/v1/EndRunRequest.ts';
import type { EndRunResponse as _leasehold_v1_EndRunResponse, EndRunResponse__Output as _leasehold_v1_EndRunResponse__Output } from './leasehold/v1/EndRunResponse.ts';
import type { GetRunMatchersRequest as _leasehold_v1_GetRunMatchersRequest, GetRunMatchersRequest__Output as _leasehold_v1_GetRunMatchersRequest__Output } from './leasehold/v1/GetRunMatchersRequest.ts';
import type { GetRunMatchersResponse as _leasehold_v1_GetRunMatchersResponse, GetRunMatchersResponse__Output as _leasehold_v1_GetRunMatchersResponse__Output } from './leasehold/v1/GetRunMatchersResponse.ts';
import type { RefusedBundle as _leasehold_v1_RefusedBundle, RefusedBundle__Output as _leasehold_v1_RefusedBundle__Output } from './leasehold/v1/RefusedBundle.ts';
import type { RegisterRunRequest as _leasehold_v1_RegisterRunRequest, RegisterRunRequest__Output as _leasehold_v1_RegisterRunRequest__Output } from './leasehold/v1/RegisterRunRequest.ts';
import type { RegisterRunResponse as _leasehold_v1_RegisterRunResponse, RegisterRunResponse__Output as _leasehold_v1_RegisterRunResponse__Output } from './leasehold/v1/RegisterRunResponse.ts';
import type { ReportRunsRequest as _leasehold_v1_ReportRunsRequest, ReportRunsRequest__Output as _leasehold_v1_ReportRunsRequest__Output } from './leasehold/v1/ReportRunsRequest.ts';
import type { ReportRunsResponse as _leasehold_v1_ReportRunsResponse, ReportRunsResponse__Output as _leasehold_v1_ReportRunsResponse__Output } from './leasehold/v1/ReportRunsResponse.ts';
import type { ReportUndeliveredRequest as _leasehold_v1_ReportUndeliveredRequest, ReportUndeliveredRequest__Output as _leasehold_v1_ReportUndeliveredRequest__Output } from './leasehold/v1/ReportUndeliveredRequest.ts';
import type { ReportUndeliveredResponse as _leasehold_v1_ReportUndeliveredResponse, ReportUndeliveredResponse__Output as _leasehold_v1_ReportUndeliveredResponse__Output } from './leasehold/v1/ReportUndeliveredResponse.ts';
import type { ReportedRun as _leasehold_v1_ReportedRun, ReportedRun__Output as _leasehold_v1_ReportedRun__Output } from './leasehold/v1/ReportedRun.ts';
import type { RunMatcher as _leasehold_v1_RunMatcher, RunMatcher__Output as _leasehold_v1_RunMatcher__Output } from './leasehold/v1/RunMatcher.ts';
import type { RunMatcherSet as _leasehold_v1_RunMatcherSet, RunMatcherSet__Output as _leasehold_v1_RunMatcherSet__Output } from './leasehold/v1/RunMatcherSet.ts';
import type { RunName as _leasehold_v1_RunName, RunName__Output as _leasehold_v1_RunName__Output } from './leasehold/v1/RunName.ts';
import type { RunServiceClient as _leasehold_v1_RunServiceClient, RunServiceDefinition as _leasehold_v1_RunServiceDefinition } from './leasehold/v1/RunService.ts';
import type { RunToCancel as _leasehold_v1_RunToCancel, RunToCancel__Output as _leasehold_v1_RunToCancel__Output } from './leasehold/v1/RunToCancel.ts';
import type { SignedRunMatchers as _leasehold_v1_SignedRunMatchers, SignedRunMatchers__Output as _leasehold_v1_SignedRunMatchers__Output } from './leasehold/v1/SignedRunMatchers.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  leasehold: {
    v1: {
      EndRunRequest: MessageTypeDefinition<_leasehold_v1_EndRunRequest, _leasehold_v1_EndRunRequest__Output>
      EndRunResponse: MessageTypeDefinition<_leasehold_v1_EndRunResponse, _leasehold_v1_EndRunResponse__Output>
      GetRunMatchersRequest: MessageTypeDefinition<_leasehold_v1_GetRunMatchersRequest, _leasehold_v1_GetRunMatchersRequest__Output>
      GetRunMatchersResponse: MessageTypeDefinition<_leasehold_v1_GetRunMatchersResponse, _leasehold_v1_GetRunMatchersResponse__Output>
      RefusedBundle: MessageTypeDefinition<_leasehold_v1_RefusedBundle, _leasehold_v1_RefusedBundle__Output>
      RegisterRunRequest: MessageTypeDefinition<_leasehold_v1_RegisterRunRequest, _leasehold_v1_RegisterRunRequest__Output>
      RegisterRunResponse: MessageTypeDefinition<_leasehold_v1_RegisterRunResponse, _leasehold_v1_RegisterRunResponse__Output>
      ReportRunsRequest: MessageTypeDefinition<_leasehold_v1_ReportRunsRequest, _leasehold_v1_ReportRunsRequest__Output>
      ReportRunsResponse: MessageTypeDefinition<_leasehold_v1_ReportRunsResponse, _leasehold_v1_ReportRunsResponse__Output>
      ReportUndeliveredRequest: MessageTypeDefinition<_leasehold_v1_ReportUndeliveredRequest, _leasehold_v1_ReportUndeliveredRequest__Output>
      ReportUndeliveredResponse: MessageTypeDefinition<_leasehold_v1_ReportUndeliveredResponse, _leasehold_v1_ReportUndeliveredResponse__Output>
      ReportedRun: MessageTypeDefinition<_leasehold_v1_ReportedRun, _leasehold_v1_ReportedRun__Output>
      RunMatcher: MessageTypeDefinition<_leasehold_v1_RunMatcher, _leasehold_v1_RunMatcher__Output>
      RunMatcherSet: MessageTypeDefinition<_leasehold_v1_RunMatcherSet, _leasehold_v1_RunMatcherSet__Output>
      RunName: MessageTypeDefinition<_leasehold_v1_RunName, _leasehold_v1_RunName__Output>
      /**
       * What a batch scheduler's signer tells the broker about runs. A run is one start of one job: cluster, job id and the start that the
       * controller gave it. Served on the listener for nodes and signers, over mutual TLS; the signer's certificate names its cluster, and a
       * call about any other cluster is refused. No secret travels here.
       */
      RunService: SubtypeConstructor<typeof grpc.Client, _leasehold_v1_RunServiceClient> & { service: _leasehold_v1_RunServiceDefinition }
      RunToCancel: MessageTypeDefinition<_leasehold_v1_RunToCancel, _leasehold_v1_RunToCancel__Output>
      SignedRunMatchers: MessageTypeDefinition<_leasehold_v1_SignedRunMatchers, _leasehold_v1_SignedRunMatchers__Output>
    }
  }
}

