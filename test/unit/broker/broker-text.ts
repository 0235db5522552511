/** A broker.yaml with one of everything; tests replace parts of it. */
export const fullBroker = `
trustDomain: example.org
workloads:
  listen: 0.0.0.0:8443
  tls: { certificate: tls/server.pem, key: tls/server-key.pem }
  limits: { maxConnections: 10, maxStreamsPerConnection: 2, maxMessageBytes: 16384, maxUnproved: 5, firstMessageMs: 1000 }
admin:
  listen: "[::1]:8444"
  tls: { certificate: tls/server.pem, key: tls/server-key.pem, clientCa: tls/admins.pem }
  clients:
    - { name: ada, commonName: Ada Lovelace, rights: [view, revoke, settle] }
    - { name: monitor, uri: "spiffe://example.org/monitor", rights: [view] }
http:
  listen: 127.0.0.1:9090
clusters:
  - name: prod
    issuer: https://prod.example.org
    audience: leasehold
    maxTokenSeconds: 7200
    keys: { url: "https://prod.example.org/openid/v1/jwks", ca: prod-ca.pem }
    api: { kubeconfig: /etc/leasehold/prod.kubeconfig }
    staleAfterSeconds: 30
    lostAfterSeconds: 600
  - name: test
    issuer: https://test.example.org
    audience: leasehold
    keys: { api: true }
    api: { inCluster: true }
policy: { file: policy.yaml }
backend:
  vault:
    address: https://vault.example.org:8200
    ca: vault-ca.pem
    namespace: team/a
    auth: { appRole: { mount: approle, roleIdFile: role-id, secretIdFile: secret-id } }
    requestLimitSeconds: 60
    probationSeconds: 30
  allowLongLeases: [mysql/creds/app]
  canary: { intervalSeconds: 600, paths: [mysql/creds/app] }
ledger: { sqlite: { file: ledger.sqlite } }
audit: { file: audit.log, rotate: { maxMegabytes: 16, maxHours: 24 }, hmacKeyFile: audit.key, maxWaitMs: 1000, signing: { keyFile: sign.pem, previousKeyFile: old.pem, everyRecords: 500, everyMinutes: 5, headsFile: heads.jsonl } }
admission: { concurrency: 4, queue: 100, maxWaitMs: 5000 }
log: { level: debug }
drainSeconds: 90
replica: { name: broker-0, advertise: { workloads: "b1.example.org:8443" } }
`;

/** The least that starts. */
export const leastBroker = `
trustDomain: example.org
workloads: { listen: "0.0.0.0:8443", tls: { certificate: a, key: b } }
admin:
  listen: 127.0.0.1:8444
  tls: { certificate: a, key: b, clientCa: c }
  clients: [{ name: ada, commonName: ada, rights: [view] }]
http: { listen: "127.0.0.1:9090" }
clusters:
  - { name: prod, issuer: "https://prod.example.org", audience: leasehold, keys: { file: jwks.json }, api: { kubeconfig: k } }
policy: { file: policy.yaml }
backend: { vault: { address: "http://127.0.0.1:8200", auth: { tokenFile: token } } }
ledger: { sqlite: { file: ledger.sqlite } }
audit: { file: audit.log, hmacKeyFile: audit.key }
`;
