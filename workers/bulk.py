"""The periodic step of bulk runs; how often it runs stands in the settings, see `workers.configuration`."""

from __future__ import annotations

from celery import Celery

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.topology import BULK_TASK
from ocr_pipeline.bulk.step import Stepped
from ocr_pipeline.domain.errors import PipelineError
from workers.process import WorkerProcess

_log = logs.get(__name__)


def register(app: Celery, process: WorkerProcess) -> None:
    """Add the task to an application."""

    def bulk() -> None:
        stage = process.bulk()
        try:
            for stepped in stage():
                _tell(stepped)
        except PipelineError as error:
            _log.warning("the step of bulk runs failed and is left to the next one", code=error.code)
        except Exception:  # noqa: BLE001 - a boundary: an unforeseen error must not be published
            _log.error("the step of bulk runs broke and is left to the next one", exc_info=True)

    app.task(bulk, name=BULK_TASK)


def _tell(stepped: Stepped) -> None:
    if stepped.error is not None:
        _log.warning("a bulk run waits", run=str(stepped.run_id), code=stepped.error)
    elif stepped.handed_out or stepped.settled:
        halt = None if stepped.halt is None else stepped.halt.value
        _log.info(
            "bulk run moved on",
            run=str(stepped.run_id),
            handed_out=stepped.handed_out,
            settled=stepped.settled,
            halt=halt,
        )
