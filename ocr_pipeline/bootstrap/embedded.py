"""The embedded worker: of all processes that share a data directory, one at a time does the work."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ocr_pipeline.adapters.queues.local import LocalStages, LocalWorker, LocalWorkQueue
from ocr_pipeline.adapters.queues.standby import StandbyQueue


class EmbeddedWorkers:
    """Works when no other process of this data directory does, and takes over when that one ends.

    `stages` is called once work begins; `raise_failure` raises what makes all work impossible. A lock on a file says
    who is at work; the kernel frees it however the process ends.
    """

    def __init__(
        self,
        lock_file: Path,
        queue: StandbyQueue,
        stages: Callable[[], LocalStages],
        raise_failure: Callable[[], None],
        *,
        threads: int,
        sweep_seconds: float,
        shutdown_seconds: float,
    ) -> None:
        self._lock_file = lock_file
        self._queue = queue
        self._stages = stages
        self._raise_failure = raise_failure
        self._threads = threads
        self._sweep_seconds = sweep_seconds
        self._shutdown_seconds = shutdown_seconds
        self._lock: int | None = None
        self._worker: LocalWorker | None = None

    def __enter__(self) -> Self:
        self._try_to_work()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.detach()
        if self._worker is not None:
            self._worker.stop(self._shutdown_seconds)
            self._worker = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def wait(self, seconds: float) -> None:
        """Let work go on for a while; take over when the process that was at work is gone.

        Raises what makes all work impossible.
        """
        self._raise_failure()
        if self._worker is None:
            self._try_to_work()
        time.sleep(seconds)

    def _try_to_work(self) -> None:
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return
        self._lock = descriptor
        local = LocalWorkQueue()
        self._worker = LocalWorker(
            local, self._stages(), recognition_threads=self._threads, sweep_seconds=self._sweep_seconds
        )
        self._queue.attach(local)
        self._worker.start()
