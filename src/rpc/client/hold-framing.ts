import { LeaseholdError } from '../../platform/error.ts';

/** gRPC's frame around each message: a byte that says whether it is compressed, and the length in four. */
const prefixBytes = 5;
/** The broker's own limit on what it sends is lower; a larger message is not from a broker of ours. */
const maxMessageBytes = 8 * 1024 * 1024;

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(prefixBytes + message.byteLength);
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/**
 * Cuts a stream into messages, whatever its chunks are. Chunks are overwritten once copied, and so is each message when
 * `onMessage` returns: values must not linger in buffers that nobody owns. Throws what `onMessage` throws, and `internal` for a
 * frame that is compressed or too large; the stream is of no use then.
 */
export function createUnframer(onMessage: (message: Uint8Array) => void): (chunk: Uint8Array) => void {
  const prefix = Buffer.alloc(prefixBytes);
  let prefixLength = 0;
  let message: Buffer | undefined;
  let length = 0;

  return (chunk) => {
    let offset = 0;
    while (offset < chunk.byteLength) {
      if (message === undefined) {
        const part = chunk.subarray(offset, offset + prefixBytes - prefixLength);
        prefix.set(part, prefixLength);
        prefixLength += part.byteLength;
        offset += part.byteLength;
        if (prefixLength < prefixBytes) break;
        const size = prefix.readUInt32BE(1);
        if (prefix[0] !== 0 || size > maxMessageBytes) {
          throw new LeaseholdError('internal', {
            detail: 'a frame of the broker is compressed or too large',
          });
        }
        message = Buffer.alloc(size);
        length = 0;
      } else {
        const part = chunk.subarray(offset, offset + message.byteLength - length);
        message.set(part, length);
        length += part.byteLength;
        offset += part.byteLength;
      }
      if (length === message.byteLength) {
        const complete = message;
        message = undefined;
        prefixLength = 0;
        try {
          onMessage(complete);
        } finally {
          complete.fill(0);
        }
      }
    }
    chunk.fill(0);
  };
}
