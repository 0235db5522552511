const bundles = `
bundles:
  training:
    tokenRole: leasehold-training
    ttl: 10m
    maxTtl: 1h
    overlap: 30s
    refresh: 30s
    outage: { mode: keep }
    secrets:
      database: { leased: database/creds/app }
      api: { kv2: { mount: secret, path: api } }
    files:
      database.env: { secret: database, format: dotenv, mode: "0440" }
      api-key: { secret: api, field: key, mode: "0440" }
`;

/** The policy of the demo: one bundle with a database account and a key, for the pods of one service account. */
export const demoPolicy = `${bundles}
grants:
  - name: trainers
    allow: [training]
    pods: { cluster: demo, namespace: ml, serviceAccount: trainer }
`;

/** The same bundle for every job in the partition gpu. */
export const demoPolicyForJobs = `${bundles}
grants:
  - name: trainers
    allow: [training]
    runs: { cluster: demo, partition: gpu }
`;

/** What the bundle's static secret holds. Shown nowhere: the demo masks every value. */
export const demoApiSecret = { key: 'sk-demo-4f1c9a7e' } as const;
