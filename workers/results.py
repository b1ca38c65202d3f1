"""The results task."""

from __future__ import annotations

from celery import Celery

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.topology import RESULTS_TASK
from ocr_pipeline.domain.messages import parse_report
from workers.boundary import do_or_hand_back, parse
from workers.process import WorkerProcess

_log = logs.get(__name__)


def register(app: Celery, process: WorkerProcess) -> None:
    """Add the task to an application."""

    def apply(message: object) -> None:
        report = parse(parse_report, message)
        stage = process.apply()

        def apply_once() -> None:
            _log.info("report applied", kind=report.kind, outcome=str(stage(report)))

        with logs.bind_context(document=str(report.page.document_id), page=report.page.number):
            do_or_hand_back(process, apply_once)

    app.task(apply, name=RESULTS_TASK)
