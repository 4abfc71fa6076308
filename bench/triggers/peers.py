#!/usr/bin/env python3
"""The rows of `cargo run --release -p bench-triggers` for Python's libraries, as a Markdown table.

    python3 -m venv target/peers
    target/peers/bin/pip install APScheduler==3.11.3 croniter==6.2.4 tzdata==2026.6
    target/peers/bin/python bench/triggers/peers.py

The mix, the year and the day are those of src/mix.rs. Each library walks the fires of the year, but at most FIRES of each
expression, and is asked in the way a scheduler asks it. With --write the table goes into docs/performance.md.
"""

import statistics
import sys
import time
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from croniter import croniter

SOURCE = (Path(__file__).parent / "src/mix.rs").read_text()
EXPRESSIONS = [
    line.strip().strip('",') for line in SOURCE.split("EXPRESSIONS: [&str; 10] = [")[1].split("];")[0].strip().splitlines()
]
ZONES = ["UTC", "America/Chicago"]
FROM = datetime(2025, 1, 1, tzinfo=timezone.utc)
UNTIL = FROM + timedelta(days=365)
DAY = FROM + timedelta(days=14)
FIRES = 400
RUNS = 5
BEGIN = "<!-- begin: bench/triggers/peers.py --write -->"
END = "<!-- end: peers.py -->"


class APScheduler:
    name = f"APScheduler {version('APScheduler')}"

    @staticmethod
    def parse(line):
        return CronTrigger.from_crontab(line.lower(), timezone=timezone.utc)

    @staticmethod
    def fires(line, zone, begin):
        trigger = CronTrigger.from_crontab(line.lower(), timezone=ZoneInfo(zone))
        fire = begin.astimezone(ZoneInfo(zone))
        while (fire := trigger.get_next_fire_time(fire, fire)) is not None:
            yield fire


class Croniter:
    name = f"croniter {version('croniter')}"

    @staticmethod
    def parse(line):
        return croniter(line, FROM)

    @staticmethod
    def fires(line, zone, begin):
        schedule = croniter(line, begin.astimezone(ZoneInfo(zone)))
        while True:
            yield schedule.get_next(datetime)


def nanos(work):
    """The median of the runs, for one call, in time of the processor."""
    times = []
    for _ in range(RUNS):
        begun = time.process_time_ns()
        work()
        times.append(time.process_time_ns() - begun)
    return statistics.median(times)


def walk(peer, line, zone):
    count = 0
    for fire in peer.fires(line, zone, FROM):
        count += 1
        if fire >= UNTIL or count >= FIRES:
            return count


def histogram(peer, line, zone):
    hours = [0] * 24
    for fire in peer.fires(line, zone, DAY - timedelta(seconds=1)):
        since = fire - DAY
        if since >= timedelta(days=1):
            return hours
        hours[since // timedelta(hours=1)] += 1


def shown(number):
    return f"{number:,.0f} ns" if number < 10_000 else f"{number / 1000:,.0f} µs"


def row(peer):
    cells = []
    for zone in ZONES:
        each = [nanos(lambda: walk(peer, line, zone)) / walk(peer, line, zone) for line in EXPRESSIONS]
        cells.append(shown(statistics.mean(each)))
    days = [nanos(lambda: histogram(peer, line, ZONES[1])) for line in EXPRESSIONS]
    cells += [shown(statistics.mean(days)), shown(max(days))]
    cells.append(shown(statistics.mean(nanos(lambda: peer.parse(line)) for line in EXPRESSIONS)))
    return f"| {peer.name} | {' | '.join(cells)} |"


def main():
    python = ".".join(map(str, sys.version_info[:3]))
    lines = [
        f"The same with Python {python}; the median of {RUNS} runs, in time of the processor, at most {FIRES} fires of each expression.",
        "",
        "| | next fire, UTC | next fire, Chicago | 24 h by hour, mean | worst | parse |",
        "|---|---:|---:|---:|---:|---:|",
        *[row(peer) for peer in (APScheduler, Croniter)],
    ]
    text = "\n".join(lines)
    print(text)
    if sys.argv[1:] == ["--write"]:
        page = Path(__file__).parents[2] / "docs/performance.md"
        before, rest = page.read_text().split(BEGIN)
        page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")


main()
