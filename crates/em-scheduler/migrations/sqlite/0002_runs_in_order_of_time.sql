-- The unique key of a run begins with its time, so that new runs come to stand side by side at the end of the index. By job
-- first, each run would touch a page of its own, and every page touched is written to the log by its commit.
--
-- What is open is told by three comparisons: for `state IN (…)` SQLite would build a table of the three at each turn.
CREATE TABLE scheduler_run_new (
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
  UNIQUE (scheduled_for, job_id)
) STRICT;
INSERT INTO scheduler_run_new
  SELECT key, job_id, task_id, kind, scheduled_for, state, decided_at, coalesced, coalesced_since, attempt, not_before,
         owner, fence, sent_at, finished_at, reason, withdrawn, muted
  FROM scheduler_run;
DROP TABLE scheduler_run;
ALTER TABLE scheduler_run_new RENAME TO scheduler_run;

-- What is not final: few rows, however many there have been.
CREATE INDEX scheduler_run_open ON scheduler_run (task_id, job_id)
  WHERE state = 'queued' OR state = 'claimed' OR state = 'sending';
-- Whether a one-off has had its run.
CREATE INDEX scheduler_run_one_off ON scheduler_run (job_id) WHERE kind = 'one_off';
