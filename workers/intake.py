"""The intake task."""

from __future__ import annotations

from celery import Celery

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.topology import INTAKE_TASK
from ocr_pipeline.domain.messages import IntakeTask
from workers.boundary import do_or_hand_back, parse
from workers.process import WorkerProcess


def register(app: Celery, process: WorkerProcess) -> None:
    """Add the task to an application."""

    def admit(message: object) -> None:
        task = parse(IntakeTask.from_json, message)
        stage = process.admit()
        with logs.bind_context(document=str(task.document_id)):
            # The stage counts attempts itself and refuses the document in the end, so any foreseen error may pass.
            do_or_hand_back(process, lambda: stage(task), may_pass=lambda _: True)

    app.task(admit, name=INTAKE_TASK)
