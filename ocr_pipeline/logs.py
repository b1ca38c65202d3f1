"""One shape for all logs: structlog events with ids and codes, never content.

Lines of libraries pass through the same renderer, but only their logger's name and level: what they would say may
quote data. Set `log_level` to debug for exception types; texts of foreign exceptions are never written.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog

_OURS = ("ocr_pipeline", "workers")
_QUIET = {
    "alembic": logging.WARNING,
    "botocore": logging.WARNING,
    "boto3": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "s3transfer": logging.WARNING,
    "urllib3": logging.ERROR,
    "uvicorn": logging.WARNING,
}


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Set up logging for this process. `form` is `json`, `text`, or `auto` (text on a terminal)."""
    out = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and out.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_type_only,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty()) if as_text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_foreign_without_text, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


@contextmanager
def bind_context(**ids: str | int) -> Iterator[None]:
    """Add ids to every log line within the block."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _exception_type_only(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace a traceback, whose texts may quote content, by the exception's type."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    kind = info[0] if isinstance(info, tuple) else type(info) if isinstance(info, BaseException) else None
    if kind is not None:
        event["exception"] = kind.__name__
    return event


def _foreign_without_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record: logging.LogRecord = event["_record"]
    if record.name.partition(".")[0] not in _OURS:
        event["event"] = "library message"
    event["logger"] = record.name
    event["line"] = record.lineno
    return event
