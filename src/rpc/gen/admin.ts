import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AddLockRequest as _leasehold_v1_AddLockRequest, AddLockRequest__Output as _leasehold_v1_AddLockRequest__Output } from './leasehold/v1/AddLockRequest.ts';
import type { AddLockResponse as _leasehold_v1_AddLockResponse, AddLockResponse__Output as _leasehold_v1_AddLockResponse__Output } from './leasehold/v1/AddLockResponse.ts';
import type { AdminServiceClient as _leasehold_v1_AdminServiceClient, AdminServiceDefinition as _leasehold_v1_AdminServiceDefinition } from './leasehold/v1/AdminService.ts';
import type { BackendCredential as _leasehold_v1_BackendCredential, BackendCredential__Output as _leasehold_v1_BackendCredential__Output } from './leasehold/v1/BackendCredential.ts';
import type { Canary as _leasehold_v1_Canary, Canary__Output as _leasehold_v1_Canary__Output } from './leasehold/v1/Canary.ts';
import type { DescribedPod as _leasehold_v1_DescribedPod, DescribedPod__Output as _leasehold_v1_DescribedPod__Output } from './leasehold/v1/DescribedPod.ts';
import type { DescribedRun as _leasehold_v1_DescribedRun, DescribedRun__Output as _leasehold_v1_DescribedRun__Output } from './leasehold/v1/DescribedRun.ts';
import type { EnrolmentToken as _leasehold_v1_EnrolmentToken, EnrolmentToken__Output as _leasehold_v1_EnrolmentToken__Output } from './leasehold/v1/EnrolmentToken.ts';
import type { EnrolmentTokenFacts as _leasehold_v1_EnrolmentTokenFacts, EnrolmentTokenFacts__Output as _leasehold_v1_EnrolmentTokenFacts__Output } from './leasehold/v1/EnrolmentTokenFacts.ts';
import type { ExplainRequest as _leasehold_v1_ExplainRequest, ExplainRequest__Output as _leasehold_v1_ExplainRequest__Output } from './leasehold/v1/ExplainRequest.ts';
import type { ExplainResponse as _leasehold_v1_ExplainResponse, ExplainResponse__Output as _leasehold_v1_ExplainResponse__Output } from './leasehold/v1/ExplainResponse.ts';
import type { GetSessionRequest as _leasehold_v1_GetSessionRequest, GetSessionRequest__Output as _leasehold_v1_GetSessionRequest__Output } from './leasehold/v1/GetSessionRequest.ts';
import type { GetSessionResponse as _leasehold_v1_GetSessionResponse, GetSessionResponse__Output as _leasehold_v1_GetSessionResponse__Output } from './leasehold/v1/GetSessionResponse.ts';
import type { Holder as _leasehold_v1_Holder, Holder__Output as _leasehold_v1_Holder__Output } from './leasehold/v1/Holder.ts';
import type { LiftTombstoneRequest as _leasehold_v1_LiftTombstoneRequest, LiftTombstoneRequest__Output as _leasehold_v1_LiftTombstoneRequest__Output } from './leasehold/v1/LiftTombstoneRequest.ts';
import type { LiftTombstoneResponse as _leasehold_v1_LiftTombstoneResponse, LiftTombstoneResponse__Output as _leasehold_v1_LiftTombstoneResponse__Output } from './leasehold/v1/LiftTombstoneResponse.ts';
import type { ListCanariesRequest as _leasehold_v1_ListCanariesRequest, ListCanariesRequest__Output as _leasehold_v1_ListCanariesRequest__Output } from './leasehold/v1/ListCanariesRequest.ts';
import type { ListCanariesResponse as _leasehold_v1_ListCanariesResponse, ListCanariesResponse__Output as _leasehold_v1_ListCanariesResponse__Output } from './leasehold/v1/ListCanariesResponse.ts';
import type { ListEnrolmentTokensRequest as _leasehold_v1_ListEnrolmentTokensRequest, ListEnrolmentTokensRequest__Output as _leasehold_v1_ListEnrolmentTokensRequest__Output } from './leasehold/v1/ListEnrolmentTokensRequest.ts';
import type { ListEnrolmentTokensResponse as _leasehold_v1_ListEnrolmentTokensResponse, ListEnrolmentTokensResponse__Output as _leasehold_v1_ListEnrolmentTokensResponse__Output } from './leasehold/v1/ListEnrolmentTokensResponse.ts';
import type { ListLocksRequest as _leasehold_v1_ListLocksRequest, ListLocksRequest__Output as _leasehold_v1_ListLocksRequest__Output } from './leasehold/v1/ListLocksRequest.ts';
import type { ListLocksResponse as _leasehold_v1_ListLocksResponse, ListLocksResponse__Output as _leasehold_v1_ListLocksResponse__Output } from './leasehold/v1/ListLocksResponse.ts';
import type { ListSessionsRequest as _leasehold_v1_ListSessionsRequest, ListSessionsRequest__Output as _leasehold_v1_ListSessionsRequest__Output } from './leasehold/v1/ListSessionsRequest.ts';
import type { ListSessionsResponse as _leasehold_v1_ListSessionsResponse, ListSessionsResponse__Output as _leasehold_v1_ListSessionsResponse__Output } from './leasehold/v1/ListSessionsResponse.ts';
import type { ListTombstonesRequest as _leasehold_v1_ListTombstonesRequest, ListTombstonesRequest__Output as _leasehold_v1_ListTombstonesRequest__Output } from './leasehold/v1/ListTombstonesRequest.ts';
import type { ListTombstonesResponse as _leasehold_v1_ListTombstonesResponse, ListTombstonesResponse__Output as _leasehold_v1_ListTombstonesResponse__Output } from './leasehold/v1/ListTombstonesResponse.ts';
import type { Lock as _leasehold_v1_Lock, Lock__Output as _leasehold_v1_Lock__Output } from './leasehold/v1/Lock.ts';
import type { MakeEnrolmentTokensRequest as _leasehold_v1_MakeEnrolmentTokensRequest, MakeEnrolmentTokensRequest__Output as _leasehold_v1_MakeEnrolmentTokensRequest__Output } from './leasehold/v1/MakeEnrolmentTokensRequest.ts';
import type { MakeEnrolmentTokensResponse as _leasehold_v1_MakeEnrolmentTokensResponse, MakeEnrolmentTokensResponse__Output as _leasehold_v1_MakeEnrolmentTokensResponse__Output } from './leasehold/v1/MakeEnrolmentTokensResponse.ts';
import type { RemoveLockRequest as _leasehold_v1_RemoveLockRequest, RemoveLockRequest__Output as _leasehold_v1_RemoveLockRequest__Output } from './leasehold/v1/RemoveLockRequest.ts';
import type { RemoveLockResponse as _leasehold_v1_RemoveLockResponse, RemoveLockResponse__Output as _leasehold_v1_RemoveLockResponse__Output } from './leasehold/v1/RemoveLockResponse.ts';
import type { RevokeSessionsRequest as _leasehold_v1_RevokeSessionsRequest, RevokeSessionsRequest__Output as _leasehold_v1_RevokeSessionsRequest__Output } from './leasehold/v1/RevokeSessionsRequest.ts';
import type { RevokeSessionsResponse as _leasehold_v1_RevokeSessionsResponse, RevokeSessionsResponse__Output as _leasehold_v1_RevokeSessionsResponse__Output } from './leasehold/v1/RevokeSessionsResponse.ts';
import type { RotateSessionsRequest as _leasehold_v1_RotateSessionsRequest, RotateSessionsRequest__Output as _leasehold_v1_RotateSessionsRequest__Output } from './leasehold/v1/RotateSessionsRequest.ts';
import type { RotateSessionsResponse as _leasehold_v1_RotateSessionsResponse, RotateSessionsResponse__Output as _leasehold_v1_RotateSessionsResponse__Output } from './leasehold/v1/RotateSessionsResponse.ts';
import type { RuleTrace as _leasehold_v1_RuleTrace, RuleTrace__Output as _leasehold_v1_RuleTrace__Output } from './leasehold/v1/RuleTrace.ts';
import type { RunCanaryRequest as _leasehold_v1_RunCanaryRequest, RunCanaryRequest__Output as _leasehold_v1_RunCanaryRequest__Output } from './leasehold/v1/RunCanaryRequest.ts';
import type { RunCanaryResponse as _leasehold_v1_RunCanaryResponse, RunCanaryResponse__Output as _leasehold_v1_RunCanaryResponse__Output } from './leasehold/v1/RunCanaryResponse.ts';
import type { RunFacts as _leasehold_v1_RunFacts, RunFacts__Output as _leasehold_v1_RunFacts__Output } from './leasehold/v1/RunFacts.ts';
import type { Selector as _leasehold_v1_Selector, Selector__Output as _leasehold_v1_Selector__Output } from './leasehold/v1/Selector.ts';
import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from './leasehold/v1/Session.ts';
import type { Tombstone as _leasehold_v1_Tombstone, Tombstone__Output as _leasehold_v1_Tombstone__Output } from './leasehold/v1/Tombstone.ts';
import type { WatchSessionsRequest as _leasehold_v1_WatchSessionsRequest, WatchSessionsRequest__Output as _leasehold_v1_WatchSessionsRequest__Output } from './leasehold/v1/WatchSessionsRequest.ts';
import type { WatchSessionsResponse as _leasehold_v1_WatchSessionsResponse, WatchSessionsResponse__Output as _leasehold_v1_WatchSessionsResponse__Output } from './leasehold/v1/WatchSessionsResponse.ts';
import type { WithdrawEnrolmentTokensRequest as _leasehold_v1_WithdrawEnrolmentTokensRequest, WithdrawEnrolmentTokensRequest__Output as _leasehold_v1_WithdrawEnrolmentTokensRequest__Output } from './leasehold/v1/WithdrawEnrolmentTokensRequest.ts';
import type { WithdrawEnrolmentTokensResponse as _leasehold_v1_WithdrawEnrolmentTokensResponse, WithdrawEnrolmentTokensResponse__Output as _leasehold_v1_WithdrawEnrolmentTokensResponse__Output } from './leasehold/v1/WithdrawEnrolmentTokensResponse.ts';
import type { WriteOffRequest as _leasehold_v1_WriteOffRequest, WriteOffRequest__Output as _leasehold_v1_WriteOffRequest__Output } from './leasehold/v1/WriteOffRequest.ts';
import type { WriteOffResponse as _leasehold_v1_WriteOffResponse, WriteOffResponse__Output as _leasehold_v1_WriteOffResponse__Output } from './leasehold/v1/WriteOffResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  leasehold: {
    v1: {
      AddLockRequest: MessageTypeDefinition<_leasehold_v1_AddLockRequest, _leasehold_v1_AddLockRequest__Output>
      AddLockResponse: MessageTypeDefinition<_leasehold_v1_AddLockResponse, _leasehold_v1_AddLockResponse__Output>
      /**
       * For people. Reached on its own listener with client certificates; each call needs one of four rights:
       * view, revoke (revoke, rotate, lock, canary), settle (lift, write off) or enrol (make and withdraw tokens of compute nodes).
       */
      AdminService: SubtypeConstructor<typeof grpc.Client, _leasehold_v1_AdminServiceClient> & { service: _leasehold_v1_AdminServiceDefinition }
      BackendCredential: MessageTypeDefinition<_leasehold_v1_BackendCredential, _leasehold_v1_BackendCredential__Output>
      Canary: MessageTypeDefinition<_leasehold_v1_Canary, _leasehold_v1_Canary__Output>
      DescribedPod: MessageTypeDefinition<_leasehold_v1_DescribedPod, _leasehold_v1_DescribedPod__Output>
      DescribedRun: MessageTypeDefinition<_leasehold_v1_DescribedRun, _leasehold_v1_DescribedRun__Output>
      EnrolmentToken: MessageTypeDefinition<_leasehold_v1_EnrolmentToken, _leasehold_v1_EnrolmentToken__Output>
      EnrolmentTokenFacts: MessageTypeDefinition<_leasehold_v1_EnrolmentTokenFacts, _leasehold_v1_EnrolmentTokenFacts__Output>
      ExplainRequest: MessageTypeDefinition<_leasehold_v1_ExplainRequest, _leasehold_v1_ExplainRequest__Output>
      ExplainResponse: MessageTypeDefinition<_leasehold_v1_ExplainResponse, _leasehold_v1_ExplainResponse__Output>
      GetSessionRequest: MessageTypeDefinition<_leasehold_v1_GetSessionRequest, _leasehold_v1_GetSessionRequest__Output>
      GetSessionResponse: MessageTypeDefinition<_leasehold_v1_GetSessionResponse, _leasehold_v1_GetSessionResponse__Output>
      Holder: MessageTypeDefinition<_leasehold_v1_Holder, _leasehold_v1_Holder__Output>
      LiftTombstoneRequest: MessageTypeDefinition<_leasehold_v1_LiftTombstoneRequest, _leasehold_v1_LiftTombstoneRequest__Output>
      LiftTombstoneResponse: MessageTypeDefinition<_leasehold_v1_LiftTombstoneResponse, _leasehold_v1_LiftTombstoneResponse__Output>
      ListCanariesRequest: MessageTypeDefinition<_leasehold_v1_ListCanariesRequest, _leasehold_v1_ListCanariesRequest__Output>
      ListCanariesResponse: MessageTypeDefinition<_leasehold_v1_ListCanariesResponse, _leasehold_v1_ListCanariesResponse__Output>
      ListEnrolmentTokensRequest: MessageTypeDefinition<_leasehold_v1_ListEnrolmentTokensRequest, _leasehold_v1_ListEnrolmentTokensRequest__Output>
      ListEnrolmentTokensResponse: MessageTypeDefinition<_leasehold_v1_ListEnrolmentTokensResponse, _leasehold_v1_ListEnrolmentTokensResponse__Output>
      ListLocksRequest: MessageTypeDefinition<_leasehold_v1_ListLocksRequest, _leasehold_v1_ListLocksRequest__Output>
      ListLocksResponse: MessageTypeDefinition<_leasehold_v1_ListLocksResponse, _leasehold_v1_ListLocksResponse__Output>
      ListSessionsRequest: MessageTypeDefinition<_leasehold_v1_ListSessionsRequest, _leasehold_v1_ListSessionsRequest__Output>
      ListSessionsResponse: MessageTypeDefinition<_leasehold_v1_ListSessionsResponse, _leasehold_v1_ListSessionsResponse__Output>
      ListTombstonesRequest: MessageTypeDefinition<_leasehold_v1_ListTombstonesRequest, _leasehold_v1_ListTombstonesRequest__Output>
      ListTombstonesResponse: MessageTypeDefinition<_leasehold_v1_ListTombstonesResponse, _leasehold_v1_ListTombstonesResponse__Output>
      Lock: MessageTypeDefinition<_leasehold_v1_Lock, _leasehold_v1_Lock__Output>
      MakeEnrolmentTokensRequest: MessageTypeDefinition<_leasehold_v1_MakeEnrolmentTokensRequest, _leasehold_v1_MakeEnrolmentTokensRequest__Output>
      MakeEnrolmentTokensResponse: MessageTypeDefinition<_leasehold_v1_MakeEnrolmentTokensResponse, _leasehold_v1_MakeEnrolmentTokensResponse__Output>
      RemoveLockRequest: MessageTypeDefinition<_leasehold_v1_RemoveLockRequest, _leasehold_v1_RemoveLockRequest__Output>
      RemoveLockResponse: MessageTypeDefinition<_leasehold_v1_RemoveLockResponse, _leasehold_v1_RemoveLockResponse__Output>
      RevokeSessionsRequest: MessageTypeDefinition<_leasehold_v1_RevokeSessionsRequest, _leasehold_v1_RevokeSessionsRequest__Output>
      RevokeSessionsResponse: MessageTypeDefinition<_leasehold_v1_RevokeSessionsResponse, _leasehold_v1_RevokeSessionsResponse__Output>
      RotateSessionsRequest: MessageTypeDefinition<_leasehold_v1_RotateSessionsRequest, _leasehold_v1_RotateSessionsRequest__Output>
      RotateSessionsResponse: MessageTypeDefinition<_leasehold_v1_RotateSessionsResponse, _leasehold_v1_RotateSessionsResponse__Output>
      RuleTrace: MessageTypeDefinition<_leasehold_v1_RuleTrace, _leasehold_v1_RuleTrace__Output>
      RunCanaryRequest: MessageTypeDefinition<_leasehold_v1_RunCanaryRequest, _leasehold_v1_RunCanaryRequest__Output>
      RunCanaryResponse: MessageTypeDefinition<_leasehold_v1_RunCanaryResponse, _leasehold_v1_RunCanaryResponse__Output>
      RunFacts: MessageTypeDefinition<_leasehold_v1_RunFacts, _leasehold_v1_RunFacts__Output>
      Selector: MessageTypeDefinition<_leasehold_v1_Selector, _leasehold_v1_Selector__Output>
      Session: MessageTypeDefinition<_leasehold_v1_Session, _leasehold_v1_Session__Output>
      Tombstone: MessageTypeDefinition<_leasehold_v1_Tombstone, _leasehold_v1_Tombstone__Output>
      WatchSessionsRequest: MessageTypeDefinition<_leasehold_v1_WatchSessionsRequest, _leasehold_v1_WatchSessionsRequest__Output>
      WatchSessionsResponse: MessageTypeDefinition<_leasehold_v1_WatchSessionsResponse, _leasehold_v1_WatchSessionsResponse__Output>
      WithdrawEnrolmentTokensRequest: MessageTypeDefinition<_leasehold_v1_WithdrawEnrolmentTokensRequest, _leasehold_v1_WithdrawEnrolmentTokensRequest__Output>
      WithdrawEnrolmentTokensResponse: MessageTypeDefinition<_leasehold_v1_WithdrawEnrolmentTokensResponse, _leasehold_v1_WithdrawEnrolmentTokensResponse__Output>
      WriteOffRequest: MessageTypeDefinition<_leasehold_v1_WriteOffRequest, _leasehold_v1_WriteOffRequest__Output>
      WriteOffResponse: MessageTypeDefinition<_leasehold_v1_WriteOffResponse, _leasehold_v1_WriteOffResponse__Output>
    }
  }
}

