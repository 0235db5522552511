/** One step of the schema, from version n to n + 1. */
export interface Migration {
  readonly sql: string;
  /**
   * The oldest version of the schema that a broker may have been written for to go on after this step. Steps are additive (new
   * tables, new columns with a default, new indexes), so this stays where it is; a step that takes something away says here who must be gone
   * before it.
   */
  readonly minimumReader: number;
}

/**
 * Forward only: entry n leads from version n to n + 1 and is never edited once released. What must not happen is forbidden here
 * and not only in code, so that a bug ends in a refused transaction instead of two live sessions. The tables are those of the SQLite
 * store.
 *
 * session: `seq` is the order of creation, which pages of a listing follow. cluster, namespace and pod_uid repeat what is in
 *   `identity`, for narrowing.
 * work: `version` comes from a sequence and is never used twice, so that a stale claim fits nothing. `available_at` is when the item may
 *   be claimed: its due time, or the end of the claim on it.
 */
export const migrations: readonly Migration[] = [
  {
    minimumReader: 1,
    sql: `
    CREATE TABLE session (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      id text NOT NULL UNIQUE,
      workload text NOT NULL,
      bundle text NOT NULL,
      request_key text NOT NULL,
      identity jsonb NOT NULL,
      cluster text NOT NULL,
      namespace text NOT NULL,
      pod_uid text NOT NULL,
      state text NOT NULL CHECK (state IN ('opening', 'active', 'superseded', 'revoking', 'ended')),
      leased boolean NOT NULL,
      grant_name text NOT NULL,
      policy_revision text NOT NULL,
      created_at bigint NOT NULL,
      deadline_at bigint NOT NULL,
      ended_at bigint,
      end_reason text,
      end_note text,
      end_by text,
      generation_id text NOT NULL DEFAULT '',
      generation_number bigint NOT NULL DEFAULT 0,
      generation_versions text NOT NULL DEFAULT '',
      CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
      CHECK ((state IN ('revoking', 'ended')) = (end_reason IS NOT NULL)),
      CHECK ((end_reason IS NULL) = (end_note IS NULL) AND (end_reason IS NULL) = (end_by IS NULL))
    );
    CREATE UNIQUE INDEX session_live ON session (workload, bundle) WHERE state IN ('opening', 'active');
    CREATE INDEX session_workload ON session (workload);
    CREATE INDEX session_namespace ON session (cluster, namespace);
    CREATE INDEX session_pod_uid ON session (pod_uid);
    CREATE INDEX session_bundle ON session (bundle);
    CREATE INDEX session_not_ended ON session (seq) WHERE state <> 'ended';
    CREATE INDEX session_state ON session (state, ended_at);

    CREATE TABLE holder (
      session text NOT NULL REFERENCES session (id) ON DELETE CASCADE,
      name text NOT NULL,
      position integer NOT NULL,
      attached boolean NOT NULL DEFAULT false,
      generation_id text NOT NULL DEFAULT '',
      generation_number bigint NOT NULL DEFAULT 0,
      delivered_at bigint,
      wiped_at bigint,
      PRIMARY KEY (session, name)
    );
    CREATE INDEX holder_attached ON holder (session) WHERE attached;

    CREATE TABLE lease_set (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      id text NOT NULL UNIQUE,
      session text NOT NULL REFERENCES session (id) ON DELETE CASCADE,
      state text NOT NULL CHECK (state IN ('intent', 'token', 'current', 'retiring', 'revoking', 'ended')),
      token_role text NOT NULL,
      created_at bigint NOT NULL,
      expires_at bigint NOT NULL DEFAULT 0
    );
    CREATE INDEX lease_set_session ON lease_set (session, seq);
    CREATE UNIQUE INDEX lease_set_pending ON lease_set (session) WHERE state IN ('intent', 'token');
    CREATE UNIQUE INDEX lease_set_current ON lease_set (session) WHERE state = 'current';
    CREATE UNIQUE INDEX lease_set_retiring ON lease_set (session) WHERE state = 'retiring';

    CREATE TABLE credential (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      id text NOT NULL UNIQUE,
      lease_set text NOT NULL REFERENCES lease_set (id) ON DELETE CASCADE,
      kind text NOT NULL CHECK (kind IN ('token', 'lease')),
      path text NOT NULL,
      reference text NOT NULL,
      renewable boolean NOT NULL,
      expires_at bigint NOT NULL,
      settlement text NOT NULL CHECK (settlement IN
        ('held', 'outstanding', 'confirmed', 'vanished', 'lapsed', 'expires', 'written_off')),
      why text,
      since bigint NOT NULL,
      next_try_at bigint,
      attempts bigint NOT NULL DEFAULT 0
    );
    CREATE INDEX credential_lease_set ON credential (lease_set, seq);
    CREATE UNIQUE INDEX credential_token ON credential (lease_set) WHERE kind = 'token';
    CREATE INDEX credential_settlement ON credential (settlement, since);

    CREATE SEQUENCE work_version AS bigint;
    CREATE TABLE work (
      subject text NOT NULL,
      kind text NOT NULL CHECK (kind IN ('settle', 'renew', 'rotate', 'revoke', 'deadline', 'detached')),
      version bigint NOT NULL UNIQUE DEFAULT nextval('work_version'),
      due_at bigint NOT NULL,
      available_at bigint NOT NULL,
      claimed_by text,
      PRIMARY KEY (subject, kind)
    );
    CREATE INDEX work_available ON work (kind, available_at);

    CREATE TABLE tombstone (
      workload text NOT NULL,
      bundle text NOT NULL,
      reason text NOT NULL,
      by text NOT NULL,
      created_at bigint NOT NULL,
      PRIMARY KEY (workload, bundle)
    );

    CREATE TABLE lock (
      id text PRIMARY KEY,
      selector jsonb NOT NULL,
      reason text NOT NULL,
      by text NOT NULL,
      created_at bigint NOT NULL
    );

    CREATE TABLE meta (
      key text PRIMARY KEY,
      value text NOT NULL
    );

    CREATE TABLE run (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      workload text NOT NULL UNIQUE,
      cluster text NOT NULL,
      job_id bigint NOT NULL,
      start bigint NOT NULL,
      identity jsonb NOT NULL,
      restarts bigint NOT NULL,
      ends_at bigint,
      bundles jsonb NOT NULL,
      state text NOT NULL CHECK (state IN ('active', 'ending', 'ended')),
      registered_at bigint NOT NULL,
      ending_at bigint,
      ended_at bigint,
      UNIQUE (cluster, job_id, start),
      CHECK ((state = 'active') = (ending_at IS NULL)),
      CHECK ((state = 'ended') = (ended_at IS NOT NULL))
    );
    CREATE UNIQUE INDEX run_of_job ON run (cluster, job_id) WHERE state <> 'ended';
    CREATE INDEX run_ended ON run (ended_at) WHERE state = 'ended';

    CREATE TABLE node_key (
      cluster text NOT NULL,
      node text NOT NULL,
      key text NOT NULL,
      not_before bigint NOT NULL,
      bound_at bigint NOT NULL,
      PRIMARY KEY (cluster, node)
    );
    `,
  },
  // Replicas: where a holder is attached, and who has the values of a session. Counters stand for heartbeats.
  {
    minimumReader: 1,
    sql: `
    CREATE TABLE replica (
      epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      id text NOT NULL UNIQUE,
      address text NOT NULL,
      beats bigint NOT NULL DEFAULT 0
    );
    ALTER TABLE holder ADD COLUMN replica text;
    ALTER TABLE session ADD COLUMN owner_replica text, ADD COLUMN owner_address text, ADD COLUMN owner_epoch bigint;
    CREATE INDEX holder_replica ON holder (replica) WHERE attached;
    CREATE INDEX session_owner ON session (owner_replica) WHERE owner_replica IS NOT NULL;
    CREATE INDEX work_claimed ON work (claimed_by) WHERE claimed_by IS NOT NULL;
    `,
  },
  // Much may be due at one instant, as after a mass revocation: the order of claims has to come from the index alone.
  {
    minimumReader: 1,
    sql: 'CREATE INDEX work_order ON work (kind, available_at, version)',
  },
  // Whether a holder of many lacks the current generation, or is left, is one step into an index.
  {
    minimumReader: 1,
    sql: `
    DROP INDEX holder_attached;
    CREATE INDEX holder_attached ON holder (session, generation_number) WHERE attached;
    CREATE INDEX holder_generation ON holder (session, generation_number);
    CREATE INDEX holder_unwiped ON holder (session) WHERE wiped_at IS NULL;
    `,
  },
  // Enrolment tokens of compute nodes: the newest of each node, by its hash, and the key that has spent it.
  {
    minimumReader: 1,
    sql: `
    CREATE TABLE enrolment (
      cluster text NOT NULL,
      node text NOT NULL,
      token text NOT NULL,
      key text,
      created_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      PRIMARY KEY (cluster, node)
    );
    CREATE INDEX enrolment_expires ON enrolment (expires_at);
    `,
  },
  // What still answers a replica, as counts for the others to look at. One of an older version publishes none.
  {
    minimumReader: 1,
    sql: `ALTER TABLE replica ADD COLUMN answers text NOT NULL DEFAULT '{}'`,
  },
  // Nodes that could not deliver the files of a run, and whether its job is to be cancelled for that.
  {
    minimumReader: 1,
    sql: `
    CREATE TABLE undelivered (
      workload text NOT NULL REFERENCES run (workload) ON DELETE CASCADE,
      node text NOT NULL,
      code text NOT NULL,
      cancels boolean NOT NULL,
      at bigint NOT NULL,
      PRIMARY KEY (workload, node)
    );
    CREATE INDEX undelivered_cancels ON undelivered (workload) WHERE cancels;
    `,
  },
  // What one workload or one lease set has in one state: without both in one index, and before there are statistics, all that have that state are
  // looked through.
  {
    minimumReader: 1,
    sql: `
    DROP INDEX credential_lease_set;
    CREATE INDEX credential_lease_set ON credential (lease_set, settlement, seq);
    DROP INDEX session_workload;
    CREATE INDEX session_workload ON session (workload, bundle, state);
    `,
  },
  // Who made an enrolment token.
  {
    minimumReader: 1,
    sql: `ALTER TABLE enrolment ADD COLUMN made_by text NOT NULL DEFAULT ''`,
  },
  // A try to revoke it has ended, or its broker has, and nobody knows what became of the request.
  {
    minimumReader: 1,
    sql: 'ALTER TABLE credential ADD COLUMN maybe_revoked boolean NOT NULL DEFAULT false',
  },
  // Ends that the audit log may not have yet.
  {
    minimumReader: 1,
    sql: `
    CREATE TABLE unrecorded_end (
      id text PRIMARY KEY,
      session text NOT NULL,
      replica text NOT NULL,
      reason text NOT NULL,
      note text NOT NULL,
      by text NOT NULL,
      at bigint NOT NULL
    );
    `,
  },
  // Runs that are cancelled when a node never comes: since when they run, and when that was said last.
  {
    minimumReader: 1,
    sql: `
    CREATE TABLE awaited (
      workload text PRIMARY KEY REFERENCES run (workload) ON DELETE CASCADE,
      since bigint,
      seen bigint,
      CHECK ((since IS NULL) = (seen IS NULL))
    );
    `,
  },
  // A session may be one node's alone. A broker from before would take another node's for its own.
  {
    minimumReader: 13,
    sql: `
    ALTER TABLE session ADD COLUMN node text NOT NULL DEFAULT '';
    DROP INDEX session_live;
    CREATE UNIQUE INDEX session_live ON session (workload, bundle, node) WHERE state IN ('opening', 'active');
    `,
  },
  // Slurm's own name of a run, where it has one.
  {
    minimumReader: 13,
    sql: 'ALTER TABLE run ADD COLUMN sluid text',
  },
];
