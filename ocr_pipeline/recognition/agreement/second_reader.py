"""The second engine on threads of its own: bounded, abandoned when nobody wants its answer, never a page's downfall."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import BoundedSemaphore, Lock

from ocr_pipeline import logs
from ocr_pipeline.domain.errors import EngineTimeout, PipelineError
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.engine import Engine, PageImage, RecognitionOptions
from ocr_pipeline.recognition.agreement.observer import CrossCheckObserver, Outcome

_log = logs.get(__name__)


class PendingReading:
    """A second reading under way."""

    def __init__(self, future: Future[PageText], deadline: float, clock: Clock) -> None:
        self._future = future
        self._deadline = deadline
        self._clock = clock

    def wait(self) -> PageText | Outcome:
        """The reading, or why there is none by the deadline."""
        try:
            error = self._future.exception(max(0.0, self._deadline - self._clock.monotonic()))
        except TimeoutError:
            return Outcome.LATE
        except CancelledError:
            return Outcome.BUSY
        if error is None:
            return self._future.result()
        if not isinstance(error, Exception):
            raise error
        return Outcome.LATE if isinstance(error, EngineTimeout) else Outcome.FAILED

    def abandon(self) -> None:
        """Nobody wants the answer. What has not begun will not; what has runs to its deadline and is forgotten."""
        self._future.cancel()


class SecondReader:
    """Reads up to `threads` pages at once and lets `waiting` more wait; beyond that it is busy."""

    def __init__(
        self, engine: Engine, clock: Clock, observer: CrossCheckObserver, *, threads: int, waiting: int
    ) -> None:
        if threads < 1 or waiting < 0:
            raise ValueError("a second reader has at least one thread, and no fewer than 0 pages wait")
        self._engine = engine
        self._clock = clock
        self._observer = observer
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="second-reader")
        self._room = BoundedSemaphore(threads + waiting)
        self._lock = Lock()
        self._under_way: set[Future[PageText]] = set()
        self._closed = False

    def begin(self, page: PageImage, options: RecognitionOptions, deadline: float) -> PendingReading | None:
        """Start reading; None when there is no room. `deadline` is on the clock's monotonic scale."""
        with self._lock:
            if self._closed or not self._room.acquire(blocking=False):
                return None
            future = self._pool.submit(self._read, page, options, deadline)
            self._under_way.add(future)
        future.add_done_callback(self._done)
        return PendingReading(future, deadline, self._clock)

    def close(self, patience: float) -> None:
        """End the threads and close the engine.

        A reading still under way after `patience` seconds keeps the engine: closing it underneath would be worse.
        """
        with self._lock:
            self._closed = True
            under_way = set(self._under_way)
        self._pool.shutdown(wait=False, cancel_futures=True)
        # A reading cancelled before it began never counts as done to `wait`.
        if wait({future for future in under_way if not future.cancelled()}, timeout=patience).not_done:
            _log.warning("second reader left open, it still reads")
            return
        self._pool.shutdown(wait=True)
        self._engine.close()

    def _read(self, page: PageImage, options: RecognitionOptions, deadline: float) -> PageText:
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise EngineTimeout("the second reader had no time left for the page")
        return self._engine.recognise(page, replace(options, timeout=left))

    def _done(self, future: Future[PageText]) -> None:
        self._room.release()
        with self._lock:
            self._under_way.discard(future)
        error = None if future.cancelled() else future.exception()
        if isinstance(error, PipelineError):
            self._observer.second_reader_failed(error.code)
        elif error is not None:
            kind = type(error).__name__
            _log.warning("second reader failed in an unknown way", exception=kind)
            self._observer.second_reader_failed(kind)
