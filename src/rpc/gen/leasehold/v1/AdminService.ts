// Original file: proto/leasehold/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AddLockRequest as _leasehold_v1_AddLockRequest, AddLockRequest__Output as _leasehold_v1_AddLockRequest__Output } from '../../leasehold/v1/AddLockRequest.ts';
import type { AddLockResponse as _leasehold_v1_AddLockResponse, AddLockResponse__Output as _leasehold_v1_AddLockResponse__Output } from '../../leasehold/v1/AddLockResponse.ts';
import type { ExplainRequest as _leasehold_v1_ExplainRequest, ExplainRequest__Output as _leasehold_v1_ExplainRequest__Output } from '../../leasehold/v1/ExplainRequest.ts';
import type { ExplainResponse as _leasehold_v1_ExplainResponse, ExplainResponse__Output as _leasehold_v1_ExplainResponse__Output } from '../../leasehold/v1/ExplainResponse.ts';
import type { GetSessionRequest as _leasehold_v1_GetSessionRequest, GetSessionRequest__Output as _leasehold_v1_GetSessionRequest__Output } from '../../leasehold/v1/GetSessionRequest.ts';
import type { GetSessionResponse as _leasehold_v1_GetSessionResponse, GetSessionResponse__Output as _leasehold_v1_GetSessionResponse__Output } from '../../leasehold/v1/GetSessionResponse.ts';
import type { LiftTombstoneRequest as _leasehold_v1_LiftTombstoneRequest, LiftTombstoneRequest__Output as _leasehold_v1_LiftTombstoneRequest__Output } from '../../leasehold/v1/LiftTombstoneRequest.ts';
import type { LiftTombstoneResponse as _leasehold_v1_LiftTombstoneResponse, LiftTombstoneResponse__Output as _leasehold_v1_LiftTombstoneResponse__Output } from '../../leasehold/v1/LiftTombstoneResponse.ts';
import type { ListCanariesRequest as _leasehold_v1_ListCanariesRequest, ListCanariesRequest__Output as _leasehold_v1_ListCanariesRequest__Output } from '../../leasehold/v1/ListCanariesRequest.ts';
import type { ListCanariesResponse as _leasehold_v1_ListCanariesResponse, ListCanariesResponse__Output as _leasehold_v1_ListCanariesResponse__Output } from '../../leasehold/v1/ListCanariesResponse.ts';
import type { ListEnrolmentTokensRequest as _leasehold_v1_ListEnrolmentTokensRequest, ListEnrolmentTokensRequest__Output as _leasehold_v1_ListEnrolmentTokensRequest__Output } from '../../leasehold/v1/ListEnrolmentTokensRequest.ts';
import type { ListEnrolmentTokensResponse as _leasehold_v1_ListEnrolmentTokensResponse, ListEnrolmentTokensResponse__Output as _leasehold_v1_ListEnrolmentTokensResponse__Output } from '../../leasehold/v1/ListEnrolmentTokensResponse.ts';
import type { ListLocksRequest as _leasehold_v1_ListLocksRequest, ListLocksRequest__Output as _leasehold_v1_ListLocksRequest__Output } from '../../leasehold/v1/ListLocksRequest.ts';
import type { ListLocksResponse as _leasehold_v1_ListLocksResponse, ListLocksResponse__Output as _leasehold_v1_ListLocksResponse__Output } from '../../leasehold/v1/ListLocksResponse.ts';
import type { ListSessionsRequest as _leasehold_v1_ListSessionsRequest, ListSessionsRequest__Output as _leasehold_v1_ListSessionsRequest__Output } from '../../leasehold/v1/ListSessionsRequest.ts';
import type { ListSessionsResponse as _leasehold_v1_ListSessionsResponse, ListSessionsResponse__Output as _leasehold_v1_ListSessionsResponse__Output } from '../../leasehold/v1/ListSessionsResponse.ts';
import type { ListTombstonesRequest as _leasehold_v1_ListTombstonesRequest, ListTombstonesRequest__Output as _leasehold_v1_ListTombstonesRequest__Output } from '../../leasehold/v1/ListTombstonesRequest.ts';
import type { ListTombstonesResponse as _leasehold_v1_ListTombstonesResponse, ListTombstonesResponse__Output as _leasehold_v1_ListTombstonesResponse__Output } from '../../leasehold/v1/ListTombstonesResponse.ts';
import type { MakeEnrolmentTokensRequest as _leasehold_v1_MakeEnrolmentTokensRequest, MakeEnrolmentTokensRequest__Output as _leasehold_v1_MakeEnrolmentTokensRequest__Output } from '../../leasehold/v1/MakeEnrolmentTokensRequest.ts';
import type { MakeEnrolmentTokensResponse as _leasehold_v1_MakeEnrolmentTokensResponse, MakeEnrolmentTokensResponse__Output as _leasehold_v1_MakeEnrolmentTokensResponse__Output } from '../../leasehold/v1/MakeEnrolmentTokensResponse.ts';
import type { RemoveLockRequest as _leasehold_v1_RemoveLockRequest, RemoveLockRequest__Output as _leasehold_v1_RemoveLockRequest__Output } from '../../leasehold/v1/RemoveLockRequest.ts';
import type { RemoveLockResponse as _leasehold_v1_RemoveLockResponse, RemoveLockResponse__Output as _leasehold_v1_RemoveLockResponse__Output } from '../../leasehold/v1/RemoveLockResponse.ts';
import type { RevokeSessionsRequest as _leasehold_v1_RevokeSessionsRequest, RevokeSessionsRequest__Output as _leasehold_v1_RevokeSessionsRequest__Output } from '../../leasehold/v1/RevokeSessionsRequest.ts';
import type { RevokeSessionsResponse as _leasehold_v1_RevokeSessionsResponse, RevokeSessionsResponse__Output as _leasehold_v1_RevokeSessionsResponse__Output } from '../../leasehold/v1/RevokeSessionsResponse.ts';
import type { RotateSessionsRequest as _leasehold_v1_RotateSessionsRequest, RotateSessionsRequest__Output as _leasehold_v1_RotateSessionsRequest__Output } from '../../leasehold/v1/RotateSessionsRequest.ts';
import type { RotateSessionsResponse as _leasehold_v1_RotateSessionsResponse, RotateSessionsResponse__Output as _leasehold_v1_RotateSessionsResponse__Output } from '../../leasehold/v1/RotateSessionsResponse.ts';
import type { RunCanaryRequest as _leasehold_v1_RunCanaryRequest, RunCanaryRequest__Output as _leasehold_v1_RunCanaryRequest__Output } from '../../leasehold/v1/RunCanaryRequest.ts';
import type { RunCanaryResponse as _leasehold_v1_RunCanaryResponse, RunCanaryResponse__Output as _leasehold_v1_RunCanaryResponse__Output } from '../../leasehold/v1/RunCanaryResponse.ts';
import type { WatchSessionsRequest as _leasehold_v1_WatchSessionsRequest, WatchSessionsRequest__Output as _leasehold_v1_WatchSessionsRequest__Output } from '../../leasehold/v1/WatchSessionsRequest.ts';
import type { WatchSessionsResponse as _leasehold_v1_WatchSessionsResponse, WatchSessionsResponse__Output as _leasehold_v1_WatchSessionsResponse__Output } from '../../leasehold/v1/WatchSessionsResponse.ts';
import type { WithdrawEnrolmentTokensRequest as _leasehold_v1_WithdrawEnrolmentTokensRequest, WithdrawEnrolmentTokensRequest__Output as _leasehold_v1_WithdrawEnrolmentTokensRequest__Output } from '../../leasehold/v1/WithdrawEnrolmentTokensRequest.ts';
import type { WithdrawEnrolmentTokensResponse as _leasehold_v1_WithdrawEnrolmentTokensResponse, WithdrawEnrolmentTokensResponse__Output as _leasehold_v1_WithdrawEnrolmentTokensResponse__Output } from '../../leasehold/v1/WithdrawEnrolmentTokensResponse.ts';
import type { WriteOffRequest as _leasehold_v1_WriteOffRequest, WriteOffRequest__Output as _leasehold_v1_WriteOffRequest__Output } from '../../leasehold/v1/WriteOffRequest.ts';
import type { WriteOffResponse as _leasehold_v1_WriteOffResponse, WriteOffResponse__Output as _leasehold_v1_WriteOffResponse__Output } from '../../leasehold/v1/WriteOffResponse.ts';

/**
 * For people. Reached on its own listener with client certificates; each call needs one of four rights:
 * view, revoke (revoke, rotate, lock, canary), settle (lift, write off) or enrol (make and withdraw tokens of compute nodes).
 */
export interface AdminServiceClient extends grpc.Client {
  /**
   * Refuses matching workloads from now on, and revokes what they hold. Right: revoke.
   */
  AddLock(argument: _leasehold_v1_AddLockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  AddLock(argument: _leasehold_v1_AddLockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  AddLock(argument: _leasehold_v1_AddLockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  AddLock(argument: _leasehold_v1_AddLockRequest, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Refuses matching workloads from now on, and revokes what they hold. Right: revoke.
   */
  addLock(argument: _leasehold_v1_AddLockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  addLock(argument: _leasehold_v1_AddLockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  addLock(argument: _leasehold_v1_AddLockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  addLock(argument: _leasehold_v1_AddLockRequest, callback: grpc.requestCallback<_leasehold_v1_AddLockResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Says what the policy would decide, issuing nothing. Right: view.
   */
  Explain(argument: _leasehold_v1_ExplainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _leasehold_v1_ExplainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _leasehold_v1_ExplainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _leasehold_v1_ExplainRequest, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Says what the policy would decide, issuing nothing. Right: view.
   */
  explain(argument: _leasehold_v1_ExplainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _leasehold_v1_ExplainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _leasehold_v1_ExplainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _leasehold_v1_ExplainRequest, callback: grpc.requestCallback<_leasehold_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Shows one session with its credentials and holders. Right: view.
   */
  GetSession(argument: _leasehold_v1_GetSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  GetSession(argument: _leasehold_v1_GetSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  GetSession(argument: _leasehold_v1_GetSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  GetSession(argument: _leasehold_v1_GetSessionRequest, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Shows one session with its credentials and holders. Right: view.
   */
  getSession(argument: _leasehold_v1_GetSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  getSession(argument: _leasehold_v1_GetSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  getSession(argument: _leasehold_v1_GetSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  getSession(argument: _leasehold_v1_GetSessionRequest, callback: grpc.requestCallback<_leasehold_v1_GetSessionResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Ends a tombstone, so that the workload may hold the bundle again. Right: settle.
   */
  LiftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  LiftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  LiftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  LiftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends a tombstone, so that the workload may hold the bundle again. Right: settle.
   */
  liftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  liftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  liftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  liftTombstone(argument: _leasehold_v1_LiftTombstoneRequest, callback: grpc.requestCallback<_leasehold_v1_LiftTombstoneResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Says how each dynamic path stands by its canaries. Right: view.
   */
  ListCanaries(argument: _leasehold_v1_ListCanariesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  ListCanaries(argument: _leasehold_v1_ListCanariesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  ListCanaries(argument: _leasehold_v1_ListCanariesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  ListCanaries(argument: _leasehold_v1_ListCanariesRequest, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Says how each dynamic path stands by its canaries. Right: view.
   */
  listCanaries(argument: _leasehold_v1_ListCanariesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  listCanaries(argument: _leasehold_v1_ListCanariesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  listCanaries(argument: _leasehold_v1_ListCanariesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  listCanaries(argument: _leasehold_v1_ListCanariesRequest, callback: grpc.requestCallback<_leasehold_v1_ListCanariesResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Lists what is known of the tokens of compute nodes, never the tokens. Right: view.
   */
  ListEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  ListEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  ListEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  ListEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Lists what is known of the tokens of compute nodes, never the tokens. Right: view.
   */
  listEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  listEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  listEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  listEnrolmentTokens(argument: _leasehold_v1_ListEnrolmentTokensRequest, callback: grpc.requestCallback<_leasehold_v1_ListEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Lists locks. Right: view.
   */
  ListLocks(argument: _leasehold_v1_ListLocksRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  ListLocks(argument: _leasehold_v1_ListLocksRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  ListLocks(argument: _leasehold_v1_ListLocksRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  ListLocks(argument: _leasehold_v1_ListLocksRequest, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Lists locks. Right: view.
   */
  listLocks(argument: _leasehold_v1_ListLocksRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  listLocks(argument: _leasehold_v1_ListLocksRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  listLocks(argument: _leasehold_v1_ListLocksRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  listLocks(argument: _leasehold_v1_ListLocksRequest, callback: grpc.requestCallback<_leasehold_v1_ListLocksResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Lists sessions, newest first. Right: view.
   */
  ListSessions(argument: _leasehold_v1_ListSessionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  ListSessions(argument: _leasehold_v1_ListSessionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  ListSessions(argument: _leasehold_v1_ListSessionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  ListSessions(argument: _leasehold_v1_ListSessionsRequest, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Lists sessions, newest first. Right: view.
   */
  listSessions(argument: _leasehold_v1_ListSessionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  listSessions(argument: _leasehold_v1_ListSessionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  listSessions(argument: _leasehold_v1_ListSessionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  listSessions(argument: _leasehold_v1_ListSessionsRequest, callback: grpc.requestCallback<_leasehold_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Lists tombstones. Right: view.
   */
  ListTombstones(argument: _leasehold_v1_ListTombstonesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  ListTombstones(argument: _leasehold_v1_ListTombstonesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  ListTombstones(argument: _leasehold_v1_ListTombstonesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  ListTombstones(argument: _leasehold_v1_ListTombstonesRequest, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Lists tombstones. Right: view.
   */
  listTombstones(argument: _leasehold_v1_ListTombstonesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  listTombstones(argument: _leasehold_v1_ListTombstonesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  listTombstones(argument: _leasehold_v1_ListTombstonesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  listTombstones(argument: _leasehold_v1_ListTombstonesRequest, callback: grpc.requestCallback<_leasehold_v1_ListTombstonesResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Makes a one-time token for each of some compute nodes, with which it gets its certificate. Right: enrol.
   */
  MakeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  MakeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  MakeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  MakeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Makes a one-time token for each of some compute nodes, with which it gets its certificate. Right: enrol.
   */
  makeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  makeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  makeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  makeEnrolmentTokens(argument: _leasehold_v1_MakeEnrolmentTokensRequest, callback: grpc.requestCallback<_leasehold_v1_MakeEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Ends a lock. Right: revoke.
   */
  RemoveLock(argument: _leasehold_v1_RemoveLockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  RemoveLock(argument: _leasehold_v1_RemoveLockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  RemoveLock(argument: _leasehold_v1_RemoveLockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  RemoveLock(argument: _leasehold_v1_RemoveLockRequest, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends a lock. Right: revoke.
   */
  removeLock(argument: _leasehold_v1_RemoveLockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  removeLock(argument: _leasehold_v1_RemoveLockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  removeLock(argument: _leasehold_v1_RemoveLockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  removeLock(argument: _leasehold_v1_RemoveLockRequest, callback: grpc.requestCallback<_leasehold_v1_RemoveLockResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Starts the revocation of every matching session, and reports until all are settled or `wait_ms` is over. Right: revoke.
   */
  RevokeSessions(argument: _leasehold_v1_RevokeSessionsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_RevokeSessionsResponse__Output>;
  RevokeSessions(argument: _leasehold_v1_RevokeSessionsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_RevokeSessionsResponse__Output>;
  /**
   * Starts the revocation of every matching session, and reports until all are settled or `wait_ms` is over. Right: revoke.
   */
  revokeSessions(argument: _leasehold_v1_RevokeSessionsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_RevokeSessionsResponse__Output>;
  revokeSessions(argument: _leasehold_v1_RevokeSessionsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_RevokeSessionsResponse__Output>;
  
  /**
   * New credentials for the same holders, then the old ones revoked. Right: revoke.
   */
  RotateSessions(argument: _leasehold_v1_RotateSessionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  RotateSessions(argument: _leasehold_v1_RotateSessionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  RotateSessions(argument: _leasehold_v1_RotateSessionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  RotateSessions(argument: _leasehold_v1_RotateSessionsRequest, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * New credentials for the same holders, then the old ones revoked. Right: revoke.
   */
  rotateSessions(argument: _leasehold_v1_RotateSessionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  rotateSessions(argument: _leasehold_v1_RotateSessionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  rotateSessions(argument: _leasehold_v1_RotateSessionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  rotateSessions(argument: _leasehold_v1_RotateSessionsRequest, callback: grpc.requestCallback<_leasehold_v1_RotateSessionsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Sends a canary to one path now. Right: revoke.
   */
  RunCanary(argument: _leasehold_v1_RunCanaryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  RunCanary(argument: _leasehold_v1_RunCanaryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  RunCanary(argument: _leasehold_v1_RunCanaryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  RunCanary(argument: _leasehold_v1_RunCanaryRequest, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Sends a canary to one path now. Right: revoke.
   */
  runCanary(argument: _leasehold_v1_RunCanaryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  runCanary(argument: _leasehold_v1_RunCanaryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  runCanary(argument: _leasehold_v1_RunCanaryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  runCanary(argument: _leasehold_v1_RunCanaryRequest, callback: grpc.requestCallback<_leasehold_v1_RunCanaryResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Streams a session whenever its row changes, the matching ones first. Right: view.
   */
  WatchSessions(argument: _leasehold_v1_WatchSessionsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_WatchSessionsResponse__Output>;
  WatchSessions(argument: _leasehold_v1_WatchSessionsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_WatchSessionsResponse__Output>;
  /**
   * Streams a session whenever its row changes, the matching ones first. Right: view.
   */
  watchSessions(argument: _leasehold_v1_WatchSessionsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_WatchSessionsResponse__Output>;
  watchSessions(argument: _leasehold_v1_WatchSessionsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_leasehold_v1_WatchSessionsResponse__Output>;
  
  /**
   * Takes back tokens that no node has used: of one node, or of all nodes of a cluster. Right: enrol.
   */
  WithdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  WithdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  WithdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  WithdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Takes back tokens that no node has used: of one node, or of all nodes of a cluster. Right: enrol.
   */
  withdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  withdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  withdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  withdrawEnrolmentTokens(argument: _leasehold_v1_WithdrawEnrolmentTokensRequest, callback: grpc.requestCallback<_leasehold_v1_WithdrawEnrolmentTokensResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Gives up on a credential that cannot be settled. Right: settle.
   */
  WriteOff(argument: _leasehold_v1_WriteOffRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  WriteOff(argument: _leasehold_v1_WriteOffRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  WriteOff(argument: _leasehold_v1_WriteOffRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  WriteOff(argument: _leasehold_v1_WriteOffRequest, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Gives up on a credential that cannot be settled. Right: settle.
   */
  writeOff(argument: _leasehold_v1_WriteOffRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  writeOff(argument: _leasehold_v1_WriteOffRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  writeOff(argument: _leasehold_v1_WriteOffRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  writeOff(argument: _leasehold_v1_WriteOffRequest, callback: grpc.requestCallback<_leasehold_v1_WriteOffResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * For people. Reached on its own listener with client certificates; each call needs one of four rights:
 * view, revoke (revoke, rotate, lock, canary), settle (lift, write off) or enrol (make and withdraw tokens of compute nodes).
 */
export interface AdminServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Refuses matching workloads from now on, and revokes what they hold. Right: revoke.
   */
  AddLock: grpc.handleUnaryCall<_leasehold_v1_AddLockRequest__Output, _leasehold_v1_AddLockResponse>;
  
  /**
   * Says what the policy would decide, issuing nothing. Right: view.
   */
  Explain: grpc.handleUnaryCall<_leasehold_v1_ExplainRequest__Output, _leasehold_v1_ExplainResponse>;
  
  /**
   * Shows one session with its credentials and holders. Right: view.
   */
  GetSession: grpc.handleUnaryCall<_leasehold_v1_GetSessionRequest__Output, _leasehold_v1_GetSessionResponse>;
  
  /**
   * Ends a tombstone, so that the workload may hold the bundle again. Right: settle.
   */
  LiftTombstone: grpc.handleUnaryCall<_leasehold_v1_LiftTombstoneRequest__Output, _leasehold_v1_LiftTombstoneResponse>;
  
  /**
   * Says how each dynamic path stands by its canaries. Right: view.
   */
  ListCanaries: grpc.handleUnaryCall<_leasehold_v1_ListCanariesRequest__Output, _leasehold_v1_ListCanariesResponse>;
  
  /**
   * Lists what is known of the tokens of compute nodes, never the tokens. Right: view.
   */
  ListEnrolmentTokens: grpc.handleUnaryCall<_leasehold_v1_ListEnrolmentTokensRequest__Output, _leasehold_v1_ListEnrolmentTokensResponse>;
  
  /**
   * Lists locks. Right: view.
   */
  ListLocks: grpc.handleUnaryCall<_leasehold_v1_ListLocksRequest__Output, _leasehold_v1_ListLocksResponse>;
  
  /**
   * Lists sessions, newest first. Right: view.
   */
  ListSessions: grpc.handleUnaryCall<_leasehold_v1_ListSessionsRequest__Output, _leasehold_v1_ListSessionsResponse>;
  
  /**
   * Lists tombstones. Right: view.
   */
  ListTombstones: grpc.handleUnaryCall<_leasehold_v1_ListTombstonesRequest__Output, _leasehold_v1_ListTombstonesResponse>;
  
  /**
   * Makes a one-time token for each of some compute nodes, with which it gets its certificate. Right: enrol.
   */
  MakeEnrolmentTokens: grpc.handleUnaryCall<_leasehold_v1_MakeEnrolmentTokensRequest__Output, _leasehold_v1_MakeEnrolmentTokensResponse>;
  
  /**
   * Ends a lock. Right: revoke.
   */
  RemoveLock: grpc.handleUnaryCall<_leasehold_v1_RemoveLockRequest__Output, _leasehold_v1_RemoveLockResponse>;
  
  /**
   * Starts the revocation of every matching session, and reports until all are settled or `wait_ms` is over. Right: revoke.
   */
  RevokeSessions: grpc.handleServerStreamingCall<_leasehold_v1_RevokeSessionsRequest__Output, _leasehold_v1_RevokeSessionsResponse>;
  
  /**
   * New credentials for the same holders, then the old ones revoked. Right: revoke.
   */
  RotateSessions: grpc.handleUnaryCall<_leasehold_v1_RotateSessionsRequest__Output, _leasehold_v1_RotateSessionsResponse>;
  
  /**
   * Sends a canary to one path now. Right: revoke.
   */
  RunCanary: grpc.handleUnaryCall<_leasehold_v1_RunCanaryRequest__Output, _leasehold_v1_RunCanaryResponse>;
  
  /**
   * Streams a session whenever its row changes, the matching ones first. Right: view.
   */
  WatchSessions: grpc.handleServerStreamingCall<_leasehold_v1_WatchSessionsRequest__Output, _leasehold_v1_WatchSessionsResponse>;
  
  /**
   * Takes back tokens that no node has used: of one node, or of all nodes of a cluster. Right: enrol.
   */
  WithdrawEnrolmentTokens: grpc.handleUnaryCall<_leasehold_v1_WithdrawEnrolmentTokensRequest__Output, _leasehold_v1_WithdrawEnrolmentTokensResponse>;
  
  /**
   * Gives up on a credential that cannot be settled. Right: settle.
   */
  WriteOff: grpc.handleUnaryCall<_leasehold_v1_WriteOffRequest__Output, _leasehold_v1_WriteOffResponse>;
  
}

export interface AdminServiceDefinition extends grpc.ServiceDefinition {
  AddLock: MethodDefinition<_leasehold_v1_AddLockRequest, _leasehold_v1_AddLockResponse, _leasehold_v1_AddLockRequest__Output, _leasehold_v1_AddLockResponse__Output>
  Explain: MethodDefinition<_leasehold_v1_ExplainRequest, _leasehold_v1_ExplainResponse, _leasehold_v1_ExplainRequest__Output, _leasehold_v1_ExplainResponse__Output>
  GetSession: MethodDefinition<_leasehold_v1_GetSessionRequest, _leasehold_v1_GetSessionResponse, _leasehold_v1_GetSessionRequest__Output, _leasehold_v1_GetSessionResponse__Output>
  LiftTombstone: MethodDefinition<_leasehold_v1_LiftTombstoneRequest, _leasehold_v1_LiftTombstoneResponse, _leasehold_v1_LiftTombstoneRequest__Output, _leasehold_v1_LiftTombstoneResponse__Output>
  ListCanaries: MethodDefinition<_leasehold_v1_ListCanariesRequest, _leasehold_v1_ListCanariesResponse, _leasehold_v1_ListCanariesRequest__Output, _leasehold_v1_ListCanariesResponse__Output>
  ListEnrolmentTokens: MethodDefinition<_leasehold_v1_ListEnrolmentTokensRequest, _leasehold_v1_ListEnrolmentTokensResponse, _leasehold_v1_ListEnrolmentTokensRequest__Output, _leasehold_v1_ListEnrolmentTokensResponse__Output>
  ListLocks: MethodDefinition<_leasehold_v1_ListLocksRequest, _leasehold_v1_ListLocksResponse, _leasehold_v1_ListLocksRequest__Output, _leasehold_v1_ListLocksResponse__Output>
  ListSessions: MethodDefinition<_leasehold_v1_ListSessionsRequest, _leasehold_v1_ListSessionsResponse, _leasehold_v1_ListSessionsRequest__Output, _leasehold_v1_ListSessionsResponse__Output>
  ListTombstones: MethodDefinition<_leasehold_v1_ListTombstonesRequest, _leasehold_v1_ListTombstonesResponse, _leasehold_v1_ListTombstonesRequest__Output, _leasehold_v1_ListTombstonesResponse__Output>
  MakeEnrolmentTokens: MethodDefinition<_leasehold_v1_MakeEnrolmentTokensRequest, _leasehold_v1_MakeEnrolmentTokensResponse, _leasehold_v1_MakeEnrolmentTokensRequest__Output, _leasehold_v1_MakeEnrolmentTokensResponse__Output>
  RemoveLock: MethodDefinition<_leasehold_v1_RemoveLockRequest, _leasehold_v1_RemoveLockResponse, _leasehold_v1_RemoveLockRequest__Output, _leasehold_v1_RemoveLockResponse__Output>
  RevokeSessions: MethodDefinition<_leasehold_v1_RevokeSessionsRequest, _leasehold_v1_RevokeSessionsResponse, _leasehold_v1_RevokeSessionsRequest__Output, _leasehold_v1_RevokeSessionsResponse__Output>
  RotateSessions: MethodDefinition<_leasehold_v1_RotateSessionsRequest, _leasehold_v1_RotateSessionsResponse, _leasehold_v1_RotateSessionsRequest__Output, _leasehold_v1_RotateSessionsResponse__Output>
  RunCanary: MethodDefinition<_leasehold_v1_RunCanaryRequest, _leasehold_v1_RunCanaryResponse, _leasehold_v1_RunCanaryRequest__Output, _leasehold_v1_RunCanaryResponse__Output>
  WatchSessions: MethodDefinition<_leasehold_v1_WatchSessionsRequest, _leasehold_v1_WatchSessionsResponse, _leasehold_v1_WatchSessionsRequest__Output, _leasehold_v1_WatchSessionsResponse__Output>
  WithdrawEnrolmentTokens: MethodDefinition<_leasehold_v1_WithdrawEnrolmentTokensRequest, _leasehold_v1_WithdrawEnrolmentTokensResponse, _leasehold_v1_WithdrawEnrolmentTokensRequest__Output, _leasehold_v1_WithdrawEnrolmentTokensResponse__Output>
  WriteOff: MethodDefinition<_leasehold_v1_WriteOffRequest, _leasehold_v1_WriteOffResponse, _leasehold_v1_WriteOffRequest__Output, _leasehold_v1_WriteOffResponse__Output>
}
