"""Minutes of mixed load on a distributed pipeline of its own: honest, mistaken, greedy and malicious clients at once.

    python -m benchmarks.mixed_load --minutes 10

Starts RabbitMQ, PostgreSQL, SeaweedFS, two gateway processes and workers of every stage (with an engine that costs
next to nothing), and judges at the end: no 500, every answer one of those that are right for what was asked, every
document that was accepted at its end with its chain of events whole, memory flat in every process, and exactly those
objects in the store that the table tells of. The exit code is 1 where one of these fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from random import Random

from benchmarks.load import aftermath, good_acts
from benchmarks.load.drive import Drive
from benchmarks.load.place import Place, place
from benchmarks.load.verdict import Verdict, judge
from benchmarks.load.visitor import Visitor, plain, signing
from ocr_pipeline.operations.access import Changes

WARM_UP_DOCUMENTS = 12
WARM_UP_SECONDS = 300

_GENEROUS = Changes(requests_per_minute=60_000, burst=2_000, queued_pages=100_000)


def visitor_of(running: Place, stack: ExitStack, seed: int) -> Visitor:
    """The crowd's keys and connections."""
    key = running.issue("clinic", _GENEROUS)
    hasty = running.issue("hasty", Changes(requests_per_minute=6, burst=3))
    crowded = running.issue("crowded", Changes(requests_per_minute=60_000, burst=2_000, queued_pages=1))
    return Visitor(
        url=running.url,
        http=stack.enter_context(signing(running.url, key)),
        hasty=stack.enter_context(signing(running.url, hasty)),
        crowded=stack.enter_context(signing(running.url, crowded)),
        anybody=stack.enter_context(plain(running.url)),
        key=key,
        random=Random(seed),  # noqa: S311 - repeatable, not secret
    )


def warm_up(visitor: Visitor) -> None:
    """A few documents from end to end, so that every process has done all it does once. Raises TimeoutError."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(good_acts.submit_with_key, [visitor] * WARM_UP_DOCUMENTS))
    waiting = deque(visitor.accepted)
    ends = time.monotonic() + WARM_UP_SECONDS
    while waiting:
        if time.monotonic() > ends:
            raise TimeoutError("the workers do not get to their first documents")
        if not visitor.http.get(f"/v1/documents/{waiting[0]}").json()["settled"]:
            time.sleep(0.5)
        else:
            waiting.popleft()


def measure(folder: Path, asked: argparse.Namespace) -> Verdict:
    """The whole run."""
    with place(folder) as running, ExitStack() as stack:
        visitor = visitor_of(running, stack, asked.seed)
        warm_up(visitor)
        drive = Drive(running, visitor)
        drive(asked.minutes * 60, asked.rate)
        left = aftermath.look(running.app, visitor.accepted, asked.patience)
        return judge(drive, left, running.logs())


def main() -> int:
    """Measure and tell; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=12.0, help="things done a second, on average")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for the last documents to settle")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the verdict as JSON, on the last line")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mixed-load-") as name:
        verdict = measure(Path(name), asked)
    print(verdict)
    if asked.json:
        print(json.dumps(asdict(verdict)))
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
