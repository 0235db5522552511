/** Marks the file as a Leasehold ledger (`LSHD`), so that another program's database is never migrated into one. */
export const applicationId = 0x4c534844;

/**
 * Forward only: entry n leads from version n to n + 1 and is never edited once released. What must not happen is forbidden here
 * and not only in code, so that a bug ends in a refused transaction instead of two live sessions.
 *
 * session: `seq` is the order of creation, which pages of a listing follow. cluster, namespace and pod_uid repeat what is in
 *   `identity`, for narrowing. A request key is unique among the live ones of its workload and bundle because there is only one.
 * work: `version` is never used twice (AUTOINCREMENT), also not after a row was removed, so that a stale claim fits nothing.
 *   `available_at` is when the item may be claimed: its due time, or the end of the claim on it.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE session (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workload TEXT NOT NULL,
    bundle TEXT NOT NULL,
    request_key TEXT NOT NULL,
    identity TEXT NOT NULL CHECK (json_valid(identity)),
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    pod_uid TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('opening', 'active', 'superseded', 'revoking', 'ended')),
    leased INTEGER NOT NULL CHECK (leased IN (0, 1)),
    grant_name TEXT NOT NULL,
    policy_revision TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT,
    end_note TEXT,
    end_by TEXT,
    generation_id TEXT NOT NULL DEFAULT '',
    generation_number INTEGER NOT NULL DEFAULT 0,
    generation_versions TEXT NOT NULL DEFAULT '',
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state IN ('revoking', 'ended')) = (end_reason IS NOT NULL)),
    CHECK ((end_reason IS NULL) = (end_note IS NULL) AND (end_reason IS NULL) = (end_by IS NULL))
  ) STRICT;
  CREATE UNIQUE INDEX session_live ON session (workload, bundle) WHERE state IN ('opening', 'active');
  CREATE INDEX session_workload ON session (workload);
  CREATE INDEX session_namespace ON session (cluster, namespace);
  CREATE INDEX session_pod_uid ON session (pod_uid);
  CREATE INDEX session_bundle ON session (bundle);
  CREATE INDEX session_not_ended ON session (seq) WHERE state <> 'ended';
  CREATE INDEX session_state ON session (state, ended_at);

  CREATE TABLE holder (
    session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    attached INTEGER NOT NULL DEFAULT 0 CHECK (attached IN (0, 1)),
    generation_id TEXT NOT NULL DEFAULT '',
    generation_number INTEGER NOT NULL DEFAULT 0,
    delivered_at INTEGER,
    wiped_at INTEGER,
    PRIMARY KEY (session, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX holder_attached ON holder (session) WHERE attached = 1;

  CREATE TABLE lease_set (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('intent', 'token', 'current', 'retiring', 'revoking', 'ended')),
    token_role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX lease_set_session ON lease_set (session, seq);
  CREATE UNIQUE INDEX lease_set_pending ON lease_set (session) WHERE state IN ('intent', 'token');
  CREATE UNIQUE INDEX lease_set_current ON lease_set (session) WHERE state = 'current';
  CREATE UNIQUE INDEX lease_set_retiring ON lease_set (session) WHERE state = 'retiring';

  CREATE TABLE credential (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    lease_set TEXT NOT NULL REFERENCES lease_set (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'lease')),
    path TEXT NOT NULL,
    reference TEXT NOT NULL,
    renewable INTEGER NOT NULL CHECK (renewable IN (0, 1)),
    expires_at INTEGER NOT NULL,
    settlement TEXT NOT NULL CHECK (settlement IN
      ('held', 'outstanding', 'confirmed', 'vanished', 'lapsed', 'expires', 'written_off')),
    why TEXT,
    since INTEGER NOT NULL,
    next_try_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX credential_lease_set ON credential (lease_set, seq);
  CREATE UNIQUE INDEX credential_token ON credential (lease_set) WHERE kind = 'token';
  CREATE INDEX credential_settlement ON credential (settlement, since);

  CREATE TABLE work (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('settle', 'renew', 'rotate', 'revoke', 'deadline', 'detached')),
    subject TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    claimed_by TEXT,
    UNIQUE (subject, kind)
  ) STRICT;
  CREATE INDEX work_available ON work (available_at);

  CREATE TABLE tombstone (
    workload TEXT NOT NULL,
    bundle TEXT NOT NULL,
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (workload, bundle)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE lock (
    id TEXT PRIMARY KEY,
    selector TEXT NOT NULL CHECK (json_valid(selector)),
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // Lanes of the work loop ask for their own kinds only.
  `
  DROP INDEX work_available;
  CREATE INDEX work_available ON work (kind, available_at);
  `,
  // Runs of batch schedulers. At most one of a job is not ended; a key of a node is what its certificates have shown.
  `
  CREATE TABLE run (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    workload TEXT NOT NULL UNIQUE,
    cluster TEXT NOT NULL,
    job_id INTEGER NOT NULL,
    start INTEGER NOT NULL,
    identity TEXT NOT NULL CHECK (json_valid(identity)),
    restarts INTEGER NOT NULL,
    ends_at INTEGER,
    bundles TEXT NOT NULL CHECK (json_valid(bundles)),
    state TEXT NOT NULL CHECK (state IN ('active', 'ending', 'ended')),
    registered_at INTEGER NOT NULL,
    ending_at INTEGER,
    ended_at INTEGER,
    UNIQUE (cluster, job_id, start),
    CHECK ((state = 'active') = (ending_at IS NULL)),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
  ) STRICT;
  CREATE UNIQUE INDEX run_of_job ON run (cluster, job_id) WHERE state <> 'ended';
  CREATE INDEX run_ended ON run (ended_at) WHERE state = 'ended';
  CREATE INDEX run_not_ended ON run (seq) WHERE state <> 'ended';

  CREATE TABLE node_key (
    cluster TEXT NOT NULL,
    node TEXT NOT NULL,
    key TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    bound_at INTEGER NOT NULL,
    PRIMARY KEY (cluster, node)
  ) STRICT, WITHOUT ROWID;
  `,
  // Replicas: where a holder is attached, and who has the values of a session. Counters stand for heartbeats.
  `
  CREATE TABLE replica (
    epoch INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    beats INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  ALTER TABLE holder ADD COLUMN replica TEXT;
  ALTER TABLE session ADD COLUMN owner_replica TEXT;
  ALTER TABLE session ADD COLUMN owner_address TEXT;
  ALTER TABLE session ADD COLUMN owner_epoch INTEGER;
  CREATE INDEX holder_replica ON holder (replica) WHERE attached = 1;
  CREATE INDEX session_owner ON session (owner_replica) WHERE owner_replica IS NOT NULL;
  `,
  // Whether a holder of many lacks the current generation, or is left, is one step into an index.
  `
  DROP INDEX holder_attached;
  CREATE INDEX holder_attached ON holder (session, generation_number) WHERE attached = 1;
  CREATE INDEX holder_generation ON holder (session, generation_number);
  CREATE INDEX holder_unwiped ON holder (session) WHERE wiped_at IS NULL;
  `,
  // Enrolment tokens of compute nodes: the newest of each node, by its hash, and the key that has spent it.
  `
  CREATE TABLE enrolment (
    cluster TEXT NOT NULL,
    node TEXT NOT NULL,
    token TEXT NOT NULL,
    key TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (cluster, node)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX enrolment_expires ON enrolment (expires_at);
  `,
  // What still answers a replica, as counts for the others to look at.
  `ALTER TABLE replica ADD COLUMN answers TEXT NOT NULL DEFAULT '{}'`,
  // Nodes that could not deliver the files of a run, and whether its job is to be cancelled for that.
  `
  CREATE TABLE undelivered (
    workload TEXT NOT NULL REFERENCES run (workload) ON DELETE CASCADE,
    node TEXT NOT NULL,
    code TEXT NOT NULL,
    cancels INTEGER NOT NULL CHECK (cancels IN (0, 1)),
    at INTEGER NOT NULL,
    PRIMARY KEY (workload, node)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX undelivered_cancels ON undelivered (workload) WHERE cancels = 1;
  `,
  // What one workload or one lease set has in one state: without both in one index, all that have that state are looked through.
  `
  DROP INDEX credential_lease_set;
  CREATE INDEX credential_lease_set ON credential (lease_set, settlement, seq);
  DROP INDEX session_workload;
  CREATE INDEX session_workload ON session (workload, bundle, state);
  `,
  // Who made an enrolment token.
  `ALTER TABLE enrolment ADD COLUMN made_by TEXT NOT NULL DEFAULT ''`,
  // A try to revoke it has ended, or its broker has, and nobody knows what became of the request.
  `ALTER TABLE credential ADD COLUMN maybe_revoked INTEGER NOT NULL DEFAULT 0 CHECK (maybe_revoked IN (0, 1))`,
  // Ends that the audit log may not have yet.
  `
  CREATE TABLE unrecorded_end (
    id TEXT PRIMARY KEY NOT NULL,
    session TEXT NOT NULL,
    replica TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // Runs that are cancelled when a node never comes: since when they run, and when that was said last.
  `
  CREATE TABLE awaited (
    workload TEXT PRIMARY KEY REFERENCES run (workload) ON DELETE CASCADE,
    since INTEGER,
    seen INTEGER,
    CHECK ((since IS NULL) = (seen IS NULL))
  ) STRICT, WITHOUT ROWID;
  `,
  // A session may be one node's alone.
  `
  ALTER TABLE session ADD COLUMN node TEXT NOT NULL DEFAULT '';
  DROP INDEX session_live;
  CREATE UNIQUE INDEX session_live ON session (workload, bundle, node) WHERE state IN ('opening', 'active');
  `,
  // Slurm's own name of a run, where it has one.
  'ALTER TABLE run ADD COLUMN sluid TEXT',
];
