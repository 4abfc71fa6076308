"""APScheduler doing the work of the original scheduler: N one-off jobs, an event row per submission and per end, a GET.

Its best configuration: a pool of 100 threads, kept-alive connections (one HTTP and one database connection per thread),
no misfire grace, jobs stored while it is paused.
"""

import http.client
import json
import os
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import psycopg2
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_SUBMITTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

JOBS = int(os.environ["JOBS"])
RUNNER = urlsplit(os.environ["RUNNER"])
POSTGRES = os.environ["POSTGRES_URL"]
THREADS = 100

mine = threading.local()


def fire(number, due):
    connection = getattr(mine, "http", None)
    if connection is None:
        connection = mine.http = http.client.HTTPConnection(RUNNER.hostname, RUNNER.port)
    connection.request("GET", f"{RUNNER.path}/{number}", headers={"x-scheduled-for": due})
    connection.getresponse().read()


def log(event):
    connection = getattr(mine, "postgres", None)
    if connection is None:
        connection = mine.postgres = psycopg2.connect(POSTGRES)
        connection.autocommit = True
        mine.cursor = connection.cursor()
    message = "Job submitted." if event.code == EVENT_JOB_SUBMITTED else "Job executed."
    mine.cursor.execute(
        "INSERT INTO task_log (task_id, status_id, message, status_date) VALUES (%s, 6, %s, now())",
        (int(event.job_id), message),
    )
    if event.code != EVENT_JOB_SUBMITTED:
        done.release()


def store(kind):
    if kind == "memory":
        return MemoryJobStore()
    if kind == "redis":
        from apscheduler.jobstores.redis import RedisJobStore

        return RedisJobStore(unix_socket_path=os.environ["REDIS_SOCKET"])
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

    return SQLAlchemyJobStore(url=POSTGRES.replace("postgres://", "postgresql+psycopg2://"))


done = threading.Semaphore(0)


def main():
    kind = sys.argv[1]
    with psycopg2.connect(POSTGRES) as setup:
        setup.cursor().execute(
            """CREATE TABLE task_log (id serial PRIMARY KEY, task_id int, status_id int, job_id text, message text,
                                      status_date timestamp DEFAULT now(), error int)"""
        )
    scheduler = BackgroundScheduler(
        jobstores={"default": store(kind)},
        executors={"default": ThreadPoolExecutor(THREADS, pool_kwargs={})},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 50},
        timezone=timezone.utc,
    )
    scheduler.add_listener(log, EVENT_JOB_SUBMITTED | EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    # What it takes to store a job before the clock starts, with room: by SQLAlchemy each is a durable commit.
    lead = 4 + JOBS * {"memory": 0.0005, "redis": 0.004, "sqlalchemy": 0.015}[kind]
    due = (datetime.now(timezone.utc) + timedelta(seconds=lead)).replace(microsecond=0)
    scheduler.start(paused=True)
    for number in range(1, JOBS + 1):
        scheduler.add_job(fire, "date", run_date=due, id=str(number), args=[number, due.isoformat()])
    assert datetime.now(timezone.utc) < due, "not all jobs were stored before they were due"
    scheduler.resume()
    time.sleep(max(0, due.timestamp() - time.time()))
    before = time.process_time()
    for _ in range(JOBS):
        if not done.acquire(timeout=60):
            break
    cpu = time.process_time() - before
    stores = {"memory": "in memory", "redis": "Redis 7, appendfsync always", "sqlalchemy": "SQLAlchemy on PostgreSQL"}
    print(
        json.dumps(
            {
                "peer": "APScheduler 3.11.3",
                "configuration": f"{stores[kind]}; {THREADS} threads, an event row before and after each run, GET",
                "cpu": cpu * 1e6,
            }
        ),
        flush=True,
    )
    os._exit(0)


main()
