// Original file: proto/leasehold/v1/workload.proto

import type { SecretValue as _leasehold_v1_SecretValue, SecretValue__Output as _leasehold_v1_SecretValue__Output } from '../../leasehold/v1/SecretValue.ts';
import type { FileSpec as _leasehold_v1_FileSpec, FileSpec__Output as _leasehold_v1_FileSpec__Output } from '../../leasehold/v1/FileSpec.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * One delivered version of a bundle. Never mixed with another.
 */
export interface Generation {
  /**
   * Session it belongs to.
   */
  'sessionId'?: (string);
  /**
   * Random id; named in `delivered` and when resuming.
   */
  'generationId'?: (string);
  /**
   * Counts up from 1 within a session.
   */
  'number'?: (number | string | Long);
  /**
   * Every secret of the bundle, in the order of its definition.
   */
  'secrets'?: (_leasehold_v1_SecretValue)[];
  /**
   * Files to render from the secrets. Trusted as the site's configuration.
   */
  'files'?: (_leasehold_v1_FileSpec)[];
  /**
   * Until when the generation before stays valid; milliseconds since the Unix epoch, 0 when there is none.
   */
  'previousUntilMs'?: (number | string | Long);
}

/**
 * One delivered version of a bundle. Never mixed with another.
 */
export interface Generation__Output {
  /**
   * Session it belongs to.
   */
  'sessionId': (string);
  /**
   * Random id; named in `delivered` and when resuming.
   */
  'generationId': (string);
  /**
   * Counts up from 1 within a session.
   */
  'number': (number);
  /**
   * Every secret of the bundle, in the order of its definition.
   */
  'secrets': (_leasehold_v1_SecretValue__Output)[];
  /**
   * Files to render from the secrets. Trusted as the site's configuration.
   */
  'files': (_leasehold_v1_FileSpec__Output)[];
  /**
   * Until when the generation before stays valid; milliseconds since the Unix epoch, 0 when there is none.
   */
  'previousUntilMs': (number);
}
