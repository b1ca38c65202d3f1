"""Where a page meets the code that reads it: whatever goes wrong there becomes a report, never a lost page."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.domain.messages import PageFailed, RecognitionTask, Report
from ocr_pipeline.domain.retries import Failure

UNFORESEEN = Failure(PipelineError.code, retryable=True, counts_attempt=True)
"""The failure of a page on which the code itself broke: tried again a few times, then for a person."""


def report_of(recognise: Callable[[RecognitionTask], Report], task: RecognitionTask) -> Report:
    """The report on a page, also where the recognition stage raises what it should not."""
    try:
        return recognise(task)
    except Exception:  # noqa: BLE001 - a broken page must not break its worker
        structlog.stdlib.get_logger(__name__).error("recognition broke on a page", exc_info=True)
        return PageFailed(task.page, task.attempt, task.dispatch, UNFORESEEN)
