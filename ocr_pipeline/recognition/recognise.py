"""The recognition stage: one page is fetched, read, judged on its merits and sealed again.

It holds no database credentials. What it learns goes into a report; what follows from it is decided by the results
stage alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ocr_pipeline.domain.errors import KeyMissing, PipelineError
from ocr_pipeline.domain.ids import page_key
from ocr_pipeline.domain.messages import PageFailed, PageRead, RecognitionTask
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.engine import Engine, PageImage, RecognitionOptions
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.recognition.assess import Assessment
from ocr_pipeline.recognition.gate import GateObserver

Assess = Callable[[PageText], Assessment]


class RecognisePage:
    """Reads one page at a time; as many threads may call it as the engine has slots.

    A page has `timeout` seconds; after `max_attempts` it is not tried again, so that try must give what it has.
    `configuration` is the digest of how pages are read here; `gate_observer` is told of waits at the gate before it.
    """

    def __init__(
        self,
        store: ObjectStore,
        vault: Vault,
        engine: Engine,
        assess: Assess,
        clock: Clock,
        timeout: float,
        max_attempts: int,
        configuration: str | None = None,
        gate_observer: GateObserver | None = None,
    ) -> None:
        self._store = store
        self._vault = vault
        self._assess = assess
        self._clock = clock
        self._timeout = timeout
        self._max_attempts = max_attempts
        self._configuration = configuration
        self.engine = engine
        self.gate_observer = gate_observer or GateObserver()

    def __call__(self, task: RecognitionTask) -> PageRead | PageFailed:
        """Read the page of a task. Any failure is reported, none is raised."""
        started = self._clock.monotonic()
        try:
            assessment = self._assess(self._read(task))
            sealed = self._seal(task, assessment.page)
        except KeyMissing as error:
            # The key was wrapped anew after the message was sent: another one brings it as it is wrapped now.
            return PageFailed(task.page, task.attempt, task.dispatch, replace(Failure.of(error), retryable=True))
        except PipelineError as error:
            return PageFailed(task.page, task.attempt, task.dispatch, Failure.of(error))
        return PageRead(
            task.page,
            task.attempt,
            task.dispatch,
            sealed,
            assessment.confidence,
            assessment.blank,
            assessment.reasons,
            assessment.page.engine,
            self._clock.monotonic() - started,
            self._configuration,
        )

    def _read(self, task: RecognitionTask) -> PageText:
        sealed = self._store.get(page_key(task.page))
        image = self._vault.open(task.key, Place.of(task.page, Purpose.PAGE_IMAGE), sealed)
        options = RecognitionOptions(
            task.attempt,
            self._timeout,
            task.priority.value,
            last=task.attempt >= self._max_attempts,
            session=str(task.page.document_id),
            page=page_key(task.page),
        )
        return self.engine.recognise(PageImage(image, task.media_type, task.width, task.height, task.dpi), options)

    def _seal(self, task: RecognitionTask, page: PageText) -> bytes:
        return self._vault.seal(task.key, Place.of(task.page, Purpose.PAGE_TEXT), page.to_bytes())
