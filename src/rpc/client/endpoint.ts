/** Where a broker listens and how it is recognised. */
export interface BrokerEndpoint {
  /** host:port; an IPv6 host in brackets. */
  readonly address: string;
  /** PEM. The only roots that are trusted: the system's own are not. */
  readonly ca: Uint8Array;
  /** PEM, where the listener asks for a client certificate. */
  readonly clientCertificate?: { readonly certificate: Uint8Array; readonly key: Uint8Array };
  /** The name that the server's certificate must carry, where it is not the host of the address. */
  readonly serverName?: string;
}
