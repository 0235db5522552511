/** Tests use the authority of the demo: one maker of certificates, none for production. */
export { createAuthority as createTestCa } from '../../src/demo/authority/certificates.ts';
export type { Authority as TestCa, KeyAndCertificate } from '../../src/demo/authority/certificates.ts';
