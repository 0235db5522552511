/** A policy with one of everything; tests replace parts of it. */
export const fullPolicy = `
bundles:
  app-db:
    tokenRole: leasehold-app-db
    ttl: 1h
    maxTtl: 24h
    rotateEvery: 12h
    overlap: 5m
    refresh: 30s
    outage: { mode: wipe, after: 10m }
    perNode: true
    nodeWithoutSecrets: cancel_job
    secrets:
      db: { leased: database/creds/app }
      api: { kv2: { mount: kv, path: app/api } }
      old: { kv1: { mount: old/kv, path: app } }
      ca: { read: pki/cert/ca }
    files:
      db/password: { secret: db, field: password, mode: "0400", uid: 1000, gid: 1000 }
      api.json: { secret: api, format: json }
      old.env: { secret: old, format: dotenv, mode: "0440" }
      .url: { template: "postgres://{{ db.username }}:{{ db.password | urlencode }}@db?ca={{ ca.certificate }}" }
  static:
    tokenRole: leasehold-static
    ttl: 2m
    maxTtl: 1h
    outage: { mode: keep }
    secrets: { api: { kv2: { mount: kv, path: app/api } } }
    files: { key: { secret: api, field: key } }
grants:
  - name: app
    allow: [app-db, "stat*"]
    pods:
      cluster: prod
      namespace: [shop, "shop-*"]
      serviceAccount: app
      pod: "app-*"
      node: "*"
      labels: { team: [a, b], app.kubernetes.io/name: "" }
      imageDigests: sha256:${'a'.repeat(64)}
    maxTtl: 8h
  - name: no-debug
    deny: "*"
    pods: { cluster: "*", namespace: "*", labels: { debug: "*" } }
`;
