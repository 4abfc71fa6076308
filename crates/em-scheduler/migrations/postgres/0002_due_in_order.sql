-- The order in which due jobs are locked. By the time alone, those of one full second had to be read and sorted whole
-- for every thousand of them decided.
DROP INDEX scheduler_due_at;
CREATE INDEX scheduler_due_at ON scheduler_due (next_run_at, job_key);
