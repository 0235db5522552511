// Original file: proto/leasehold/v1/workload.proto

import type { FileFormat as _leasehold_v1_FileFormat, FileFormat__Output as _leasehold_v1_FileFormat__Output } from '../../leasehold/v1/FileFormat.ts';

/**
 * One file of a bundle.
 */
export interface FileSpec {
  /**
   * Relative path below the bundle's folder; no empty, `.` or `..` segment.
   */
  'path'?: (string);
  /**
   * Permission bits, for example 0440 as 288.
   */
  'mode'?: (number);
  /**
   * How the content is made.
   */
  'format'?: (_leasehold_v1_FileFormat);
  /**
   * Secret the content comes from; empty for a template.
   */
  'secret'?: (string);
  /**
   * Field, for the raw format.
   */
  'field'?: (string);
  /**
   * Template text, for the template format. `{{ secret.field }}` with a small set of pure functions.
   */
  'template'?: (string);
  /**
   * Numeric owner, where the deliverer may set it.
   */
  'uid'?: (number);
  /**
   * Numeric group, where the deliverer may set it.
   */
  'gid'?: (number);
  '_uid'?: "uid";
  '_gid'?: "gid";
}

/**
 * One file of a bundle.
 */
export interface FileSpec__Output {
  /**
   * Relative path below the bundle's folder; no empty, `.` or `..` segment.
   */
  'path': (string);
  /**
   * Permission bits, for example 0440 as 288.
   */
  'mode': (number);
  /**
   * How the content is made.
   */
  'format': (_leasehold_v1_FileFormat__Output);
  /**
   * Secret the content comes from; empty for a template.
   */
  'secret': (string);
  /**
   * Field, for the raw format.
   */
  'field': (string);
  /**
   * Template text, for the template format. `{{ secret.field }}` with a small set of pure functions.
   */
  'template': (string);
  /**
   * Numeric owner, where the deliverer may set it.
   */
  'uid'?: (number);
  /**
   * Numeric group, where the deliverer may set it.
   */
  'gid'?: (number);
  '_uid'?: "uid";
  '_gid'?: "gid";
}
