// Original file: proto/leasehold/v1/workload.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { HoldRequest as _leasehold_v1_HoldRequest, HoldRequest__Output as _leasehold_v1_HoldRequest__Output } from '../../leasehold/v1/HoldRequest.ts';
import type { HoldResponse as _leasehold_v1_HoldResponse, HoldResponse__Output as _leasehold_v1_HoldResponse__Output } from '../../leasehold/v1/HoldResponse.ts';

/**
 * What a holder (a pod's sidecar, a compute node's agent) and the broker say to each other.
 * One stream per holder carries all its sessions. Whatever a holder sends is a claim: only the
 * credential is proof, and no message can name a backend, a path or another workload.
 */
export interface WorkloadServiceClient extends grpc.Client {
  /**
   * Opened by the holder. The first message must be `hello`, within the broker's first-message limit;
   * the stream then lives as long as the holder. Ending it detaches the holder from all its sessions.
   */
  Hold(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_leasehold_v1_HoldRequest, _leasehold_v1_HoldResponse__Output>;
  Hold(options?: grpc.CallOptions): grpc.ClientDuplexStream<_leasehold_v1_HoldRequest, _leasehold_v1_HoldResponse__Output>;
  /**
   * Opened by the holder. The first message must be `hello`, within the broker's first-message limit;
   * the stream then lives as long as the holder. Ending it detaches the holder from all its sessions.
   */
  hold(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_leasehold_v1_HoldRequest, _leasehold_v1_HoldResponse__Output>;
  hold(options?: grpc.CallOptions): grpc.ClientDuplexStream<_leasehold_v1_HoldRequest, _leasehold_v1_HoldResponse__Output>;
  
}

/**
 * What a holder (a pod's sidecar, a compute node's agent) and the broker say to each other.
 * One stream per holder carries all its sessions. Whatever a holder sends is a claim: only the
 * credential is proof, and no message can name a backend, a path or another workload.
 */
export interface WorkloadServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Opened by the holder. The first message must be `hello`, within the broker's first-message limit;
   * the stream then lives as long as the holder. Ending it detaches the holder from all its sessions.
   */
  Hold: grpc.handleBidiStreamingCall<_leasehold_v1_HoldRequest__Output, _leasehold_v1_HoldResponse>;
  
}

export interface WorkloadServiceDefinition extends grpc.ServiceDefinition {
  Hold: MethodDefinition<_leasehold_v1_HoldRequest, _leasehold_v1_HoldResponse, _leasehold_v1_HoldRequest__Output, _leasehold_v1_HoldResponse__Output>
}
