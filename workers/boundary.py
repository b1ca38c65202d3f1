"""The boundary of every task: a message is parsed, held while services are away, and then done or given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from celery.exceptions import Reject

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.patience import is_outage, persist
from ocr_pipeline.domain.errors import MalformedMessage, PipelineError
from workers.process import WorkerProcess

Parsed = TypeVar("Parsed")

_log = logs.get(__name__)


def parse(read: Callable[[object], Parsed], message: object) -> Parsed:
    """The message as it is meant, or off to the dead letters with it."""
    try:
        return read(message)
    except MalformedMessage as error:
        _log.error("malformed message laid with the dead letters", code=error.code)
        raise Reject(error.code, requeue=False) from None


def hand_back() -> NoReturn:
    """Give the message back to the broker, which delivers it again."""
    raise Reject("handed back", requeue=True)


def do_or_hand_back(
    process: WorkerProcess, action: Callable[[], object], may_pass: Callable[[PipelineError], bool] = is_outage
) -> None:
    """Do it, waiting while a service is away; hand the message back when the worker stops first.

    Where the code itself breaks, the message joins the dead letters: what the error says stays in this process, since
    Celery would tell it to every monitor.
    """
    done = persist(
        lambda: _unless_broken(action),
        stopping=process.stopping,
        patience=process.holding,
        notice=lambda error: _log.warning("work waits", code=error.code),
        may_pass=may_pass,
    )
    if not done:
        hand_back()


def _unless_broken(action: Callable[[], object]) -> None:
    try:
        action()
    except PipelineError:
        raise
    except Exception:  # noqa: BLE001 - a boundary: an unforeseen error must not be published
        _log.error("a stage broke, its message is laid with the dead letters", exc_info=True)
        raise Reject(PipelineError.code, requeue=False) from None
