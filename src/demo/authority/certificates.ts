import type { KeyObject } from 'node:crypto';
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { der } from './der.ts';

/** A certificate and its P-256 private key (PKCS #8), both PEM. */
export interface KeyAndCertificate {
  readonly certificate: string;
  readonly key: string;
}

interface Validity {
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in a day. */
  readonly notAfter?: Date;
}

export interface ServerCertificateOptions extends Validity {
  /** DNS names and IPv4 addresses. Default: localhost and 127.0.0.1. */
  readonly names?: readonly string[];
}

export interface ClientCertificateOptions extends Validity {
  readonly commonName: string;
  /** Kubernetes reads it as a group. */
  readonly organization?: string;
  readonly uri?: string;
}

/** A certificate authority for development and tests. */
export interface Authority extends KeyAndCertificate {
  issueServer(options?: ServerCertificateOptions): KeyAndCertificate;
  issueClient(options: ClientCertificateOptions): KeyAndCertificate;
  /** Of a key that is somebody else's. */
  certifyClient(publicKey: KeyObject, options: ClientCertificateOptions): string;
  certifyServer(publicKey: KeyObject, options?: ServerCertificateOptions): string;
  /** One below this. */
  issueAuthority(options?: AuthorityOptions): Authority;
}

type AuthorityOptions = Validity & { readonly commonName?: string };

interface Subject {
  readonly commonName: string;
  readonly organization?: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ECDSA_WITH_SHA256 = der.sequence(der.oid('1.2.840.10045.4.3.2'));
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const localNames: readonly string[] = ['localhost', '127.0.0.1'];

const pem = (label: string, content: Buffer): string => {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
};

const attribute = (oid: string, value: string) => der.set(der.sequence(der.oid(oid), der.text(value)));

const distinguishedName = ({ commonName, organization }: Subject) =>
  der.sequence(
    ...(organization === undefined ? [] : [attribute('2.5.4.10', organization)]),
    attribute('2.5.4.3', commonName),
  );

const extension = (oid: string, value: Uint8Array, critical = false) =>
  der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octets(value));

const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** RFC 5280, 4.2.1.2, in the free choice it leaves: any digest of the public key will do. */
const keyIdentifier = (key: KeyObject) => createHash('sha256').update(spki(key)).digest().subarray(0, 20);

const subjectAlternativeName = (names: readonly string[]) =>
  extension(
    '2.5.29.17',
    der.sequence(
      ...names.map((name) => {
        if (isIPv4(name)) return der.implicit(7, Buffer.from(name.split('.').map(Number)));
        if (isIP(name) !== 0) throw new Error('only IPv4 addresses are supported here');
        return der.implicit(name.includes('://') ? 6 : 2, Buffer.from(name, 'ascii'));
      }),
    ),
  );

const certificateAuthorityExtensions = () => [
  extension('2.5.29.19', der.sequence(der.boolean(true)), true),
  // keyCertSign and cRLSign.
  extension('2.5.29.15', der.bits(Buffer.from([0x06]), 1), true),
];

const leafExtensions = (usage: string, names: readonly string[]) => [
  extension('2.5.29.19', der.sequence(), true),
  // digitalSignature.
  extension('2.5.29.15', der.bits(Buffer.from([0x80]), 7), true),
  extension('2.5.29.37', der.sequence(der.oid(usage))),
  ...(names.length === 0 ? [] : [subjectAlternativeName(names)]),
];

const makeCertificate = (options: {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly issuer: Subject;
  readonly issuerPublicKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly validity: Validity;
  readonly extensions: readonly Buffer[];
}): string => {
  const { subject, publicKey, issuer, issuerPublicKey, issuerKey, validity } = options;
  const serial = randomBytes(16);
  // A leading zero byte, or the sign bit, would make it another number.
  serial[0] = 0x40;
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(serial),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    der.sequence(
      der.time(validity.notBefore ?? new Date(Date.now() - HOUR_MS)),
      der.time(validity.notAfter ?? new Date(Date.now() + DAY_MS)),
    ),
    distinguishedName(subject),
    spki(publicKey),
    der.explicit(
      3,
      der.sequence(
        ...options.extensions,
        extension('2.5.29.14', der.octets(keyIdentifier(publicKey))),
        extension('2.5.29.35', der.sequence(der.implicit(0, keyIdentifier(issuerPublicKey)))),
      ),
    ),
  );
  const signature = sign('sha256', body, { key: issuerKey, dsaEncoding: 'der' });
  return pem('CERTIFICATE', der.sequence(body, ECDSA_WITH_SHA256, der.bits(signature)));
};

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

const keyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });

interface Issuer {
  readonly issuer: Subject;
  readonly issuerPublicKey: KeyObject;
  readonly issuerKey: KeyObject;
}

/** Makes a self-signed authority. Two of them share nothing, not even a name. */
export const createAuthority = (options: AuthorityOptions = {}): Authority => makeAuthority(options);

const makeAuthority = (options: AuthorityOptions, above?: Issuer): Authority => {
  const { publicKey, privateKey } = newKey();
  const self = { commonName: options.commonName ?? `Development CA ${randomBytes(4).toString('hex')}` };
  const signedBySelf: Issuer = { issuer: self, issuerPublicKey: publicKey, issuerKey: privateKey };
  const certify = (
    publicKey: KeyObject,
    subject: Subject,
    usage: string,
    names: readonly string[],
    validity: Validity,
  ): string =>
    makeCertificate({
      ...signedBySelf,
      subject,
      publicKey,
      validity,
      extensions: leafExtensions(usage, names),
    });
  const issue = (...of: readonly [Subject, string, readonly string[], Validity]): KeyAndCertificate => {
    const leaf = newKey();
    return { certificate: certify(leaf.publicKey, ...of), key: keyPem(leaf.privateKey) };
  };
  const ofServer = (server: ServerCertificateOptions = {}) => {
    const names = server.names ?? localNames;
    return [{ commonName: names[0] ?? 'server' }, SERVER_AUTH, names, server] as const;
  };
  const namesOf = ({ uri }: ClientCertificateOptions) => (uri === undefined ? [] : [uri]);
  return {
    certificate: makeCertificate({
      ...(above ?? signedBySelf),
      subject: self,
      publicKey,
      validity: options,
      extensions: certificateAuthorityExtensions(),
    }),
    key: keyPem(privateKey),
    issueServer: (server) => issue(...ofServer(server)),
    issueClient: (client) => issue(client, CLIENT_AUTH, namesOf(client), client),
    certifyClient: (key, client) => certify(key, client, CLIENT_AUTH, namesOf(client), client),
    certifyServer: (key, server) => certify(key, ...ofServer(server)),
    issueAuthority: (below = {}) => makeAuthority(below, signedBySelf),
  };
};
