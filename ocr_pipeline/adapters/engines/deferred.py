"""An engine that is built when the first page needs it: a run that finds everything done loads no models."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from ocr_pipeline.domain.errors import ConfigurationError, EngineUnavailable, PipelineError
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.engine import Engine, PageImage, RecognitionOptions


class DeferredEngine:
    """Stands for the engine that `build` gives. Whoever built that closes it."""

    name = "deferred"

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._lock = Lock()
        self._engine: Engine | None = None
        self._failure: PipelineError | None = None

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        """As the engine; raises EngineUnavailable also where it cannot be built."""
        return self._built().recognise(page, options)

    def check(self) -> None:
        """As the engine; raises EngineUnavailable also where it cannot be built."""
        self._built().check()

    def close(self) -> None:
        """Nothing to give back."""

    def raise_failure(self) -> None:
        """Raise what kept the engine from being built, if anything did: waiting will not mend it."""
        if self._failure is not None:
            raise self._failure

    def _built(self) -> Engine:
        with self._lock:
            if self._engine is None:
                try:
                    self._engine = self._build()
                except (ConfigurationError, EngineUnavailable) as error:
                    self._failure = error
                    raise EngineUnavailable(str(error)) from error
                self._failure = None
            return self._engine
