"""The periodic sweep; how often it runs stands in the settings, see `workers.configuration`."""

from __future__ import annotations

from celery import Celery

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.topology import RECONCILE_TASK
from ocr_pipeline.domain.errors import PipelineError
from workers.process import WorkerProcess

_log = logs.get(__name__)


def register(app: Celery, process: WorkerProcess) -> None:
    """Add the task to an application."""

    def reconcile() -> None:
        stage = process.reconcile()
        try:
            stage()
        except PipelineError as error:
            _log.warning("the sweep failed and is left to the next one", code=error.code)
        except Exception:  # noqa: BLE001 - a boundary: an unforeseen error must not be published
            _log.error("the sweep broke and is left to the next one", exc_info=True)

    app.task(reconcile, name=RECONCILE_TASK)
