-- What a process has yet to heed of what others have changed.
ALTER TABLE scheduler_instance ADD COLUMN notice BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduler_instance ADD COLUMN acknowledged BIGINT NOT NULL DEFAULT 0;

-- The few open runs whose jobs were removed, by their holder: each process looks for its own.
CREATE INDEX scheduler_run_withdrawn ON scheduler_run (owner)
  WHERE withdrawn = 1 AND state IN ('queued', 'claimed', 'sending');

-- Rows for em_web's task_log that could not be written when they were due, because another session held the task's row.
CREATE TABLE scheduler_deferred (
  key         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id     INTEGER NOT NULL,
  -- As they will stand in task_log.
  job_id      TEXT,
  message     TEXT NOT NULL,
  status_date TIMESTAMP NOT NULL,
  error       INTEGER
);
CREATE INDEX scheduler_deferred_task ON scheduler_deferred (task_id, key);

-- Tasks whose jobs were deleted a moment ago: job_sync adds none for them before em_web had the time to delete them, too.
CREATE TABLE scheduler_deleted (
  task_id    INTEGER PRIMARY KEY,
  deleted_at BIGINT NOT NULL
);

-- The settings that all processes on this database share.
CREATE TABLE scheduler_setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
