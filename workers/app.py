"""The application that `celery -A workers.app` starts. Importing it reads no settings and opens nothing.

One command a role (a worker serves one stage; its role is told by the queues it consumes)::

    celery -A workers.app worker -n intake@%h      -P threads -c 3 -Q intake.urgent,intake.routine,intake.bulk
    celery -A workers.app worker -n recognition@%h -P threads \
        -Q recognition.urgent,recognition.routine,recognition.bulk
    celery -A workers.app worker -n quarantine@%h  -P prefork -c 1 --max-tasks-per-child 1 -Q recognition.quarantine
    celery -A workers.app worker -n results@%h     -P threads -c 4 -Q results
    celery -A workers.app worker -n maintenance@%h -P threads -c 1 -Q maintenance
    celery -A workers.app worker -n bulk@%h        -P threads -c 1 -Q bulk
    celery -A workers.app beat
"""

from __future__ import annotations

from ocr_pipeline import bootstrap
from ocr_pipeline.settings import load
from workers.celery_app import create_app
from workers.process import Stages

app = create_app(
    load,
    Stages(
        intake=bootstrap.intake_stage,
        recognition=bootstrap.recognition_stage,
        results=bootstrap.results_stage,
        reconcile=bootstrap.reconcile_stage,
        bulk=bootstrap.bulk_stage,
    ),
)
