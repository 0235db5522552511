import { inspect } from 'node:util';

const hidden = '[secret]';

/**
 * Bytes that do not print. The value leaves only through `open`, so that a search for `.open()` finds every place
 * plaintext lives. Wiping is best effort: the runtime, TLS and HTTP/2 may hold copies that nobody can reach.
 */
export class Secret {
  #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes over the bytes; the caller must not keep them. */
  static ofBytes(bytes: Uint8Array): Secret {
    return new Secret(bytes);
  }

  static ofText(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'));
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** The bytes themselves, not a copy. */
  open(): Uint8Array {
    return this.#bytes;
  }

  /** Overwrites the bytes; the secret is empty afterwards. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#bytes = new Uint8Array(0);
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}
