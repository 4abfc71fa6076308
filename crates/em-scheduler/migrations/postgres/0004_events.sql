-- What happened to jobs, and what no row of a run tells (docs/decisions/0011). Times are UTC microseconds.
CREATE TABLE scheduler_event (
  key     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      BIGINT NOT NULL,
  task_id BIGINT NOT NULL,
  job_id  TEXT,
  run_key BIGINT,
  kind    TEXT NOT NULL,
  -- JSON, or null where the kind says all.
  detail  TEXT
);
CREATE INDEX scheduler_event_task ON scheduler_event (task_id, key);
