// Original file: proto/leasehold/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One credential at the backend, without its value.
 */
export interface BackendCredential {
  /**
   * Id in the ledger, for write-off.
   */
  'id'?: (string);
  /**
   * token or lease.
   */
  'kind'?: (string);
  /**
   * Engine path or token role.
   */
  'path'?: (string);
  /**
   * Keyed hash of the lease id or accessor, as in the audit log.
   */
  'hmac'?: (string);
  /**
   * held, outstanding, confirmed, vanished, lapsed, expires, written_off.
   */
  'settlement'?: (string);
  /**
   * Error code of the last try; empty when there was none.
   */
  'why'?: (string);
  /**
   * Since when it has this settlement; milliseconds since the Unix epoch.
   */
  'sinceMs'?: (number | string | Long);
  /**
   * When the next try is due; 0 when none is.
   */
  'nextTryMs'?: (number | string | Long);
  /**
   * Tries so far.
   */
  'attempts'?: (number);
  /**
   * When the backend ends it by itself; 0 when unknown.
   */
  'expiresAtMs'?: (number | string | Long);
}

/**
 * One credential at the backend, without its value.
 */
export interface BackendCredential__Output {
  /**
   * Id in the ledger, for write-off.
   */
  'id': (string);
  /**
   * token or lease.
   */
  'kind': (string);
  /**
   * Engine path or token role.
   */
  'path': (string);
  /**
   * Keyed hash of the lease id or accessor, as in the audit log.
   */
  'hmac': (string);
  /**
   * held, outstanding, confirmed, vanished, lapsed, expires, written_off.
   */
  'settlement': (string);
  /**
   * Error code of the last try; empty when there was none.
   */
  'why': (string);
  /**
   * Since when it has this settlement; milliseconds since the Unix epoch.
   */
  'sinceMs': (number);
  /**
   * When the next try is due; 0 when none is.
   */
  'nextTryMs': (number);
  /**
   * Tries so far.
   */
  'attempts': (number);
  /**
   * When the backend ends it by itself; 0 when unknown.
   */
  'expiresAtMs': (number);
}
