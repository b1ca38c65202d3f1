"""Flower for operators: tasks and workers, ids only, nothing that changes anything.

    celery -A workers.app flower --conf=deploy/flower/flowerconfig.py

It needs the broker's address (OCR_PIPELINE_BROKER__URL) and, for the page of queues, that of the management API with
a user who may only look (FLOWER_BROKER_API). It holds no database address and no keys. It listens on this machine
alone unless FLOWER_ADDRESS says otherwise, and belongs behind a proxy that asks who comes: haproxy-flower.cfg beside
this file. FLOWER_DB names the file in which it remembers tasks over a restart.
"""

# ruff: noqa: INP001 - Flower reads this file by its path

from __future__ import annotations

import os
import re

from celery.events.state import Task

# What stands in this file counts for more than Flower's environment variables, so those of the place are read here.
address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
port = int(os.environ.get("FLOWER_PORT", "5555"))
url_prefix = "flower"
xheaders = True

# Operators look. A revoked page would only be sent again by the sweep, and a worker is stopped by whoever started it.
read_only = True
# Workers tell what they do unasked. Flower's order to do so, every five seconds, they would each note as an error.
enable_events = False

persistent = True
db = os.environ.get("FLOWER_DB", "flower.db")
state_save_interval = 60_000
max_tasks = 10_000
max_workers = 200
purge_offline_workers = 600

# A worker under load answers late; one that does not answer is left out of the pages.
inspect_timeout = 5_000.0

natural_time = True
tasks_columns = "name,args,state,received,runtime,worker,uuid"
task_runtime_metric_buckets = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 60.0]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_IDS = re.compile(rf"'?{_UUID}(/\d{{1,6}})?( attempt \d{{1,4}}( [a-z_]{{1,32}})?)?'?")
_EXCEPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,80}")
_HIDDEN = "(hidden)"


def format_task(task: Task) -> Task:
    """The task as it is shown: the ids of document and page, and of an error no more than its type.

    The workers publish nothing else; this holds also for messages of others that found their way into the queues.
    """
    given = getattr(task, "args", None)
    task.args = given if not given or _IDS.fullmatch(str(given)) else _HIDDEN
    for name in ("kwargs", "result", "traceback"):
        if getattr(task, name, None) not in {None, "", "None", "{}"}:
            setattr(task, name, _HIDDEN)
    error = getattr(task, "exception", None)
    if error:
        kind = _EXCEPTION.match(str(error))
        task.exception = kind.group() if kind else _HIDDEN
    return task
