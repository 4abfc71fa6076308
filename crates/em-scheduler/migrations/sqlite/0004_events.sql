-- What happened to jobs, and what no row of a run tells (docs/decisions/0011). Times are UTC microseconds.
CREATE TABLE scheduler_event (
  key     INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  task_id INTEGER NOT NULL,
  job_id  TEXT,
  run_key INTEGER,
  kind    TEXT NOT NULL,
  -- JSON, or null where the kind says all.
  detail  TEXT
);
CREATE INDEX scheduler_event_task ON scheduler_event (task_id, key);
