// Original file: proto/leasehold/v1/node.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CertifyRequest as _leasehold_v1_CertifyRequest, CertifyRequest__Output as _leasehold_v1_CertifyRequest__Output } from '../../leasehold/v1/CertifyRequest.ts';
import type { CertifyResponse as _leasehold_v1_CertifyResponse, CertifyResponse__Output as _leasehold_v1_CertifyResponse__Output } from '../../leasehold/v1/CertifyResponse.ts';

/**
 * For compute nodes that get their certificates from the broker. Served on two listeners: that of workloads, for who has a one-time token, and that of
 * nodes, for who has a certificate already.
 */
export interface NodeServiceClient extends grpc.Client {
  /**
   * Certifies a key as that of a node.
   */
  Certify(argument: _leasehold_v1_CertifyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  Certify(argument: _leasehold_v1_CertifyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  Certify(argument: _leasehold_v1_CertifyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  Certify(argument: _leasehold_v1_CertifyRequest, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Certifies a key as that of a node.
   */
  certify(argument: _leasehold_v1_CertifyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  certify(argument: _leasehold_v1_CertifyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  certify(argument: _leasehold_v1_CertifyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  certify(argument: _leasehold_v1_CertifyRequest, callback: grpc.requestCallback<_leasehold_v1_CertifyResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * For compute nodes that get their certificates from the broker. Served on two listeners: that of workloads, for who has a one-time token, and that of
 * nodes, for who has a certificate already.
 */
export interface NodeServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Certifies a key as that of a node.
   */
  Certify: grpc.handleUnaryCall<_leasehold_v1_CertifyRequest__Output, _leasehold_v1_CertifyResponse>;
  
}

export interface NodeServiceDefinition extends grpc.ServiceDefinition {
  Certify: MethodDefinition<_leasehold_v1_CertifyRequest, _leasehold_v1_CertifyResponse, _leasehold_v1_CertifyRequest__Output, _leasehold_v1_CertifyResponse__Output>
}
