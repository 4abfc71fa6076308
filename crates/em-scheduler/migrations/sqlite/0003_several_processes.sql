-- What a process has yet to heed of what others have changed.
ALTER TABLE scheduler_instance ADD COLUMN notice INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scheduler_instance ADD COLUMN acknowledged INTEGER NOT NULL DEFAULT 0;

-- Tasks whose jobs were deleted a moment ago: job_sync adds none for them before em_web had the time to delete them, too.
CREATE TABLE scheduler_deleted (
  task_id    INTEGER PRIMARY KEY,
  deleted_at INTEGER NOT NULL
) STRICT;

-- The settings with which this database is served.
CREATE TABLE scheduler_setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
