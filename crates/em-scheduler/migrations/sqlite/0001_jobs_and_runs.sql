-- What fires next. The definition is wide and seldom changes; the time it fires next is narrow and changes with
-- every fire, so it has a table of its own.
CREATE TABLE scheduler_job (
  key        INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE,
  task_id    INTEGER NOT NULL,
  project_id INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  definition TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  listed     INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX scheduler_job_task ON scheduler_job (task_id);

CREATE TABLE scheduler_due (
  job_key     INTEGER PRIMARY KEY,
  next_run_at INTEGER NOT NULL
) STRICT;
CREATE INDEX scheduler_due_at ON scheduler_due (next_run_at);

-- Every decision. The unique key makes a second decision about the same time impossible. (No AUTOINCREMENT: it writes
-- to a second table, and each such insert would need a journal of its own.)
CREATE TABLE scheduler_run (
  key             INTEGER PRIMARY KEY,
  job_id          TEXT    NOT NULL,
  task_id         INTEGER NOT NULL,
  kind            TEXT    NOT NULL,
  scheduled_for   INTEGER NOT NULL,
  state           TEXT    NOT NULL,
  decided_at      INTEGER NOT NULL,
  coalesced       INTEGER NOT NULL DEFAULT 0,
  coalesced_since INTEGER,
  attempt         INTEGER NOT NULL DEFAULT 0,
  not_before      INTEGER,
  owner           TEXT    NOT NULL,
  fence           INTEGER NOT NULL DEFAULT 0,
  sent_at         INTEGER,
  finished_at     INTEGER,
  reason          TEXT,
  -- Its job was deleted: nothing more is sent for it.
  withdrawn       INTEGER NOT NULL DEFAULT 0,
  -- And nothing more is written to its task's log.
  muted           INTEGER NOT NULL DEFAULT 0,
  UNIQUE (job_id, scheduled_for)
) STRICT;
CREATE INDEX scheduler_run_open ON scheduler_run (task_id, job_id)
  WHERE state IN ('queued', 'claimed', 'sending');

CREATE TABLE scheduler_state (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE scheduler_instance (
  id          TEXT    PRIMARY KEY,
  place       TEXT    NOT NULL,
  lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Invalid schedules that have been reported in the task's log, so that each is reported once.
CREATE TABLE scheduler_reported (
  task_id    INTEGER PRIMARY KEY,
  definition TEXT NOT NULL
) STRICT;
