-- What fires next. The definition is wide and seldom changes; the time it fires next is narrow and changes with
-- every fire, so it has a table of its own.
CREATE TABLE scheduler_job (
  key        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE,
  task_id    INTEGER NOT NULL,
  project_id INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  definition TEXT    NOT NULL,
  created_at BIGINT NOT NULL,
  listed     INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX scheduler_job_task ON scheduler_job (task_id);

CREATE TABLE scheduler_due (
  job_key     BIGINT PRIMARY KEY,
  next_run_at BIGINT NOT NULL
)
-- Each fire leaves a dead row where the next due job is looked for: clear them away early.
WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX scheduler_due_at ON scheduler_due (next_run_at);

-- Every decision. The unique key makes a second decision about the same time impossible.
CREATE TABLE scheduler_run (
  key             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id          TEXT    NOT NULL,
  task_id         INTEGER NOT NULL,
  kind            TEXT    NOT NULL,
  scheduled_for   BIGINT NOT NULL,
  state           TEXT    NOT NULL,
  decided_at      BIGINT NOT NULL,
  coalesced       BIGINT NOT NULL DEFAULT 0,
  coalesced_since BIGINT,
  attempt         INTEGER NOT NULL DEFAULT 0,
  not_before      BIGINT,
  owner           TEXT    NOT NULL,
  fence           BIGINT NOT NULL DEFAULT 0,
  sent_at         BIGINT,
  finished_at     BIGINT,
  reason          TEXT,
  -- Its job was deleted: nothing more is sent for it.
  withdrawn       INTEGER NOT NULL DEFAULT 0,
  -- And nothing more is written to its task's log.
  muted           INTEGER NOT NULL DEFAULT 0,
  UNIQUE (job_id, scheduled_for)
);
CREATE INDEX scheduler_run_open ON scheduler_run (task_id, job_id)
  WHERE state IN ('queued', 'claimed', 'sending');

CREATE TABLE scheduler_state (
  name  TEXT PRIMARY KEY,
  value BIGINT NOT NULL
);

CREATE TABLE scheduler_instance (
  id          TEXT    PRIMARY KEY,
  place       TEXT    NOT NULL,
  lease_until BIGINT NOT NULL
);

-- Invalid schedules that have been reported in the task's log, so that each is reported once.
CREATE TABLE scheduler_reported (
  task_id    INTEGER PRIMARY KEY,
  definition TEXT NOT NULL
);
