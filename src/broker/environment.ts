import { LeaseholdError } from '../platform/error.ts';

/** Read by libraries behind our back, where they would beat what broker.yaml says or write secrets out. */
const refusedVariables = [
  // node-vault: certificate checks off, another server, another identity, another place.
  'VAULT_SKIP_VERIFY',
  'VAULT_ADDR',
  'VAULT_TOKEN',
  'VAULT_NAMESPACE',
  'VAULT_PREFIX',
  // pg: another driver, and what has no key of its own in the configuration.
  'NODE_PG_FORCE_NATIVE',
  'PGOPTIONS',
  'PGREPLICATION',
  'PGBINARY',
  'PGSSLNEGOTIATION',
  // Node: certificate checks off for every connection; debug output prints headers, tokens included.
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_DEBUG',
  'NODE_DEBUG_NATIVE',
  'NODE_REDIRECT_WARNINGS',
  // grpc-js: weaker ciphers, traces that show metadata, thrown messages sent to the peer.
  'GRPC_SSL_CIPHER_SUITES',
  'GRPC_TRACE',
  'GRPC_NODE_TRACE',
  'GRPC_VERBOSITY',
  'GRPC_NODE_VERBOSITY',
  'GRPC_NODE_DEBUG_SEND_ERROR_DETAILS',
] as const;

/**
 * Options that open the process to others, run other code in it, weaken its TLS, or write its memory or session keys to disk. Node takes `_`
 * for `-`.
 */
const refusedOptions =
  /^(--inspect|--debug|--require|-r|--import|--loader|--experimental-loader|--tls-|--trace-tls|--heap-prof|--heapsnapshot|--report-|--openssl-legacy|--openssl-shared|--security-revert|--abort-on-uncaught)/;

/** Throws `config_invalid` naming every variable that must not be set. Values are never shown. */
export function refuseHostileEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  const problems = refusedVariables
    .filter((name) => (env[name] ?? '') !== '')
    .map((name) => `environment variable ${name}: must not be set`);
  const options = (env['NODE_OPTIONS'] ?? '').split(/[\s"']+/);
  if (options.some((option) => refusedOptions.test(option.replaceAll('_', '-'))))
    problems.push(
      'environment variable NODE_OPTIONS: must not have options for debugging, loading code, TLS or dumps',
    );
  if (problems.length > 0) throw new LeaseholdError('config_invalid', { detail: problems.join('\n') });
}
