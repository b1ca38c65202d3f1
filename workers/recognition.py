"""The recognition task, in the lanes and in quarantine."""

from __future__ import annotations

from typing import Any

from celery import Celery

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.topology import RECOGNITION_TASK
from ocr_pipeline.domain.messages import RecognitionTask
from workers.boundary import hand_back, parse
from workers.pages import Handled
from workers.process import WorkerProcess


def register(app: Celery, process: WorkerProcess) -> None:
    """Add the task to an application."""

    def recognise(self: Any, message: object) -> None:  # noqa: ANN401 - Celery's bound task
        task = parse(RecognitionTask.from_json, message)
        run = process.run_page()
        redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
        with logs.bind_context(document=str(task.page.document_id), page=task.page.number):
            if run(task, redelivered=redelivered) is Handled.HAND_BACK:
                hand_back()

    app.task(recognise, name=RECOGNITION_TASK, bind=True)
