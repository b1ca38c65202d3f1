"""The doctor's examination: each part of the pipeline is used for real, and what fails says how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from ocr_pipeline.bootstrap import adapters, engines
from ocr_pipeline.domain.documents import MediaType
from ocr_pipeline.domain.errors import ConfigurationError, IntegrityError, PipelineError
from ocr_pipeline.settings import Settings

_LEAST_FREE_BYTES = 1024**3
_PROBE = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj
trailer<</Root 1 0 R>>
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part examined: what was found, and the problem's code where there is one."""

    part: str
    text: str
    problem: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Examine one part after another; a part that fails does not keep the others from being seen."""
    with ExitStack() as stack:
        parts: tuple[tuple[str, Callable[[], str]], ...] = (
            ("settings", lambda: _settings(settings)),
            ("disk", lambda: _disk(settings)),
            ("keys", lambda: _keys(settings, stack)),
            ("object store", lambda: _store(settings, stack)),
            ("database", lambda: _database(settings, stack)),
            ("broker", lambda: _broker(settings, stack)),
            ("intake", lambda: _intake(settings, stack)),
            ("recogniser", lambda: _engine(settings, stack)),
        )
        for part, check in parts:
            try:
                yield Finding(part, check())
            except PipelineError as error:
                yield Finding(part, str(error), error.code)


def _settings(settings: Settings) -> str:
    mode = "embedded, everything in one process" if settings.embedded else "distributed, over RabbitMQ"
    return f"{mode}; data in {settings.home}"


def _disk(settings: Settings) -> str:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < _LEAST_FREE_BYTES:
        raise ConfigurationError(f"only {free // 1024**2} MiB are free; make room or move data_dir")
    return f"{free // 1024**3} GiB free"


def _keys(settings: Settings, stack: ExitStack) -> str:
    provider = adapters.key_provider(settings, stack)
    provider.check()
    return f"{settings.keys.provider}, current key {provider.current_key_id}"


def _store(settings: Settings, stack: ExitStack) -> str:
    adapters.object_store(settings, stack).check()
    return str(settings.object_dir) if settings.storage.kind == "local" else f"bucket {settings.storage.bucket}"


def _database(settings: Settings, stack: ExitStack) -> str:
    adapters.records(settings, adapters.database_url(settings, stack), stack).check()
    return "embedded PostgreSQL" if settings.database.url is None else "PostgreSQL, schema as expected"


def _broker(settings: Settings, stack: ExitStack) -> str:
    if settings.embedded:
        return "none needed"
    adapters.broker_queue(settings, stack).check()
    return f"RabbitMQ, {settings.broker.queue_type} queues"


def _intake(settings: Settings, stack: ExitStack) -> str:
    with adapters.opener(settings, stack).open(_PROBE, MediaType.PDF) as opened:
        pages = sum(page.image is not None for page in opened.pages)
    if pages != 1:
        raise IntegrityError("a probe file was not opened as one page")
    return "files are opened apart, within limits"


def _engine(settings: Settings, stack: ExitStack) -> str:
    engine = engines.engine(settings, stack)
    engine.check()
    return f"{engine.name} reads"
