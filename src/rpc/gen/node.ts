import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { CertifyRequest as _leasehold_v1_CertifyRequest, CertifyRequest__Output as _leasehold_v1_CertifyRequest__Output } from './leasehold/v1/CertifyRequest.ts';
import type { CertifyResponse as _leasehold_v1_CertifyResponse, CertifyResponse__Output as _leasehold_v1_CertifyResponse__Output } from './leasehold/v1/CertifyResponse.ts';
import type { NodeServiceClient as _leasehold_v1_NodeServiceClient, NodeServiceDefinition as _leasehold_v1_NodeServiceDefinition } from './leasehold/v1/NodeService.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  leasehold: {
    v1: {
      CertifyRequest: MessageTypeDefinition<_leasehold_v1_CertifyRequest, _leasehold_v1_CertifyRequest__Output>
      CertifyResponse: MessageTypeDefinition<_leasehold_v1_CertifyResponse, _leasehold_v1_CertifyResponse__Output>
      /**
       * For compute nodes that get their certificates from the broker. Served on two listeners: that of workloads, for who has a one-time token, and that of
       * nodes, for who has a certificate already.
       */
      NodeService: SubtypeConstructor<typeof grpc.Client, _leasehold_v1_NodeServiceClient> & { service: _leasehold_v1_NodeServiceDefinition }
    }
  }
}

