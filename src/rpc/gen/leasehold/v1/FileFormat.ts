// Original file: proto/leasehold/v1/workload.proto

/**
 * How a file's content is made.
 */
export const FileFormat = {
  /**
   * Never sent.
   */
  FILE_FORMAT_UNSPECIFIED: 'FILE_FORMAT_UNSPECIFIED',
  /**
   * The bytes of one field.
   */
  FILE_FORMAT_RAW: 'FILE_FORMAT_RAW',
  /**
   * One JSON object of all fields.
   */
  FILE_FORMAT_JSON: 'FILE_FORMAT_JSON',
  /**
   * KEY='value' lines of all fields.
   */
  FILE_FORMAT_DOTENV: 'FILE_FORMAT_DOTENV',
  /**
   * A template over the bundle's secrets.
   */
  FILE_FORMAT_TEMPLATE: 'FILE_FORMAT_TEMPLATE',
} as const;

/**
 * How a file's content is made.
 */
export type FileFormat =
  /**
   * Never sent.
   */
  | 'FILE_FORMAT_UNSPECIFIED'
  | 0
  /**
   * The bytes of one field.
   */
  | 'FILE_FORMAT_RAW'
  | 1
  /**
   * One JSON object of all fields.
   */
  | 'FILE_FORMAT_JSON'
  | 2
  /**
   * KEY='value' lines of all fields.
   */
  | 'FILE_FORMAT_DOTENV'
  | 3
  /**
   * A template over the bundle's secrets.
   */
  | 'FILE_FORMAT_TEMPLATE'
  | 4

/**
 * How a file's content is made.
 */
export type FileFormat__Output = typeof FileFormat[keyof typeof FileFormat]
