/** What grpc-js and OpenSSL say when no connection comes about, and our words for it. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'nothing listens at that address'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, 'the host name cannot be resolved'],
  [/EHOSTUNREACH|ENETUNREACH/, 'there is no route to that address'],
  [/ETIMEDOUT|Deadline exceeded/i, 'no answer in time'],
  [/certificate has expired/i, "the broker's certificate has expired"],
  [/not yet valid/i, "the broker's certificate is not valid yet"],
  [
    /self[- ]signed certificate|unable to verify|unable to get (local )?issuer/i,
    "the broker's certificate is not from the given CA",
  ],
  [/does not match certificate|altnames/i, "the broker's certificate carries another name"],
  [
    /alert (certificate required|bad certificate|unknown ca|certificate unknown|certificate expired|access denied)/i,
    'the broker does not accept the client certificate',
  ],
  [/wrong version number|packet length too long|alert protocol version/i, 'the peer does not speak TLS 1.3'],
  // With TLS 1.3 a client learns that its certificate was refused only from the connection's early end.
  [
    /Last error: Failed to connect/,
    'the connection was closed at once; the broker may not accept the client certificate',
  ],
  [/ECONNRESET|socket hang up|Connection dropped|GOAWAY|RST_STREAM/i, 'the connection was cut'],
];

/**
 * Why, in words of our own, so that a person can act on it. The original text is matched but never shown: it can hold
 * addresses, certificate names and whatever a peer chose to say. Undefined when it is none of the known.
 */
export function unreachableReason(details: string): string | undefined {
  return reasons.find(([pattern]) => pattern.test(details))?.[1];
}
