import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Credential as _leasehold_v1_Credential, Credential__Output as _leasehold_v1_Credential__Output } from './leasehold/v1/Credential.ts';
import type { CredentialWanted as _leasehold_v1_CredentialWanted, CredentialWanted__Output as _leasehold_v1_CredentialWanted__Output } from './leasehold/v1/CredentialWanted.ts';
import type { Degraded as _leasehold_v1_Degraded, Degraded__Output as _leasehold_v1_Degraded__Output } from './leasehold/v1/Degraded.ts';
import type { Delivered as _leasehold_v1_Delivered, Delivered__Output as _leasehold_v1_Delivered__Output } from './leasehold/v1/Delivered.ts';
import type { FileSpec as _leasehold_v1_FileSpec, FileSpec__Output as _leasehold_v1_FileSpec__Output } from './leasehold/v1/FileSpec.ts';
import type { Generation as _leasehold_v1_Generation, Generation__Output as _leasehold_v1_Generation__Output } from './leasehold/v1/Generation.ts';
import type { Hello as _leasehold_v1_Hello, Hello__Output as _leasehold_v1_Hello__Output } from './leasehold/v1/Hello.ts';
import type { HoldRequest as _leasehold_v1_HoldRequest, HoldRequest__Output as _leasehold_v1_HoldRequest__Output } from './leasehold/v1/HoldRequest.ts';
import type { HoldResponse as _leasehold_v1_HoldResponse, HoldResponse__Output as _leasehold_v1_HoldResponse__Output } from './leasehold/v1/HoldResponse.ts';
import type { Open as _leasehold_v1_Open, Open__Output as _leasehold_v1_Open__Output } from './leasehold/v1/Open.ts';
import type { Opened as _leasehold_v1_Opened, Opened__Output as _leasehold_v1_Opened__Output } from './leasehold/v1/Opened.ts';
import type { Recovered as _leasehold_v1_Recovered, Recovered__Output as _leasehold_v1_Recovered__Output } from './leasehold/v1/Recovered.ts';
import type { Redirect as _leasehold_v1_Redirect, Redirect__Output as _leasehold_v1_Redirect__Output } from './leasehold/v1/Redirect.ts';
import type { Refused as _leasehold_v1_Refused, Refused__Output as _leasehold_v1_Refused__Output } from './leasehold/v1/Refused.ts';
import type { Release as _leasehold_v1_Release, Release__Output as _leasehold_v1_Release__Output } from './leasehold/v1/Release.ts';
import type { Revoked as _leasehold_v1_Revoked, Revoked__Output as _leasehold_v1_Revoked__Output } from './leasehold/v1/Revoked.ts';
import type { Run as _leasehold_v1_Run, Run__Output as _leasehold_v1_Run__Output } from './leasehold/v1/Run.ts';
import type { SecretFields as _leasehold_v1_SecretFields, SecretFields__Output as _leasehold_v1_SecretFields__Output } from './leasehold/v1/SecretFields.ts';
import type { SecretValue as _leasehold_v1_SecretValue, SecretValue__Output as _leasehold_v1_SecretValue__Output } from './leasehold/v1/SecretValue.ts';
import type { Welcome as _leasehold_v1_Welcome, Welcome__Output as _leasehold_v1_Welcome__Output } from './leasehold/v1/Welcome.ts';
import type { Wiped as _leasehold_v1_Wiped, Wiped__Output as _leasehold_v1_Wiped__Output } from './leasehold/v1/Wiped.ts';
import type { WorkloadServiceClient as _leasehold_v1_WorkloadServiceClient, WorkloadServiceDefinition as _leasehold_v1_WorkloadServiceDefinition } from './leasehold/v1/WorkloadService.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  leasehold: {
    v1: {
      Credential: MessageTypeDefinition<_leasehold_v1_Credential, _leasehold_v1_Credential__Output>
      CredentialWanted: MessageTypeDefinition<_leasehold_v1_CredentialWanted, _leasehold_v1_CredentialWanted__Output>
      Degraded: MessageTypeDefinition<_leasehold_v1_Degraded, _leasehold_v1_Degraded__Output>
      Delivered: MessageTypeDefinition<_leasehold_v1_Delivered, _leasehold_v1_Delivered__Output>
      FileFormat: EnumTypeDefinition
      FileSpec: MessageTypeDefinition<_leasehold_v1_FileSpec, _leasehold_v1_FileSpec__Output>
      Generation: MessageTypeDefinition<_leasehold_v1_Generation, _leasehold_v1_Generation__Output>
      Hello: MessageTypeDefinition<_leasehold_v1_Hello, _leasehold_v1_Hello__Output>
      HoldRequest: MessageTypeDefinition<_leasehold_v1_HoldRequest, _leasehold_v1_HoldRequest__Output>
      HoldResponse: MessageTypeDefinition<_leasehold_v1_HoldResponse, _leasehold_v1_HoldResponse__Output>
      Open: MessageTypeDefinition<_leasehold_v1_Open, _leasehold_v1_Open__Output>
      Opened: MessageTypeDefinition<_leasehold_v1_Opened, _leasehold_v1_Opened__Output>
      OutageMode: EnumTypeDefinition
      Recovered: MessageTypeDefinition<_leasehold_v1_Recovered, _leasehold_v1_Recovered__Output>
      Redirect: MessageTypeDefinition<_leasehold_v1_Redirect, _leasehold_v1_Redirect__Output>
      Refused: MessageTypeDefinition<_leasehold_v1_Refused, _leasehold_v1_Refused__Output>
      Release: MessageTypeDefinition<_leasehold_v1_Release, _leasehold_v1_Release__Output>
      RevokeReason: EnumTypeDefinition
      Revoked: MessageTypeDefinition<_leasehold_v1_Revoked, _leasehold_v1_Revoked__Output>
      Run: MessageTypeDefinition<_leasehold_v1_Run, _leasehold_v1_Run__Output>
      SecretFields: MessageTypeDefinition<_leasehold_v1_SecretFields, _leasehold_v1_SecretFields__Output>
      SecretValue: MessageTypeDefinition<_leasehold_v1_SecretValue, _leasehold_v1_SecretValue__Output>
      Welcome: MessageTypeDefinition<_leasehold_v1_Welcome, _leasehold_v1_Welcome__Output>
      Wiped: MessageTypeDefinition<_leasehold_v1_Wiped, _leasehold_v1_Wiped__Output>
      /**
       * What a holder (a pod's sidecar, a compute node's agent) and the broker say to each other.
       * One stream per holder carries all its sessions. Whatever a holder sends is a claim: only the
       * credential is proof, and no message can name a backend, a path or another workload.
       */
      WorkloadService: SubtypeConstructor<typeof grpc.Client, _leasehold_v1_WorkloadServiceClient> & { service: _leasehold_v1_WorkloadServiceDefinition }
    }
  }
}

