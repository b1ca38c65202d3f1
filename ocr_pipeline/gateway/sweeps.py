"""What a gateway does every so often beside answering: send webhooks, forget what is old, remove what is nobody's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from ocr_pipeline import logs
from ocr_pipeline.domain.errors import PipelineError


@dataclass(frozen=True, slots=True)
class Sweep:
    """A piece of work done every `seconds`; whatever it returns is of no interest here."""

    name: str
    seconds: float
    run: Callable[[], object]


@contextmanager
def sweeping(*sweeps: Sweep) -> Iterator[None]:
    """Each sweep in a thread of its own for as long as the block lasts. Several gateways may sweep at once."""
    stopping = Event()
    threads = [Thread(target=_keep_sweeping, args=(sweep, stopping), name=sweep.name) for sweep in sweeps]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _keep_sweeping(sweep: Sweep, stopping: Event) -> None:
    failing = False
    due = time.monotonic()
    while not stopping.wait(max(0.0, due - time.monotonic())):
        due = time.monotonic() + sweep.seconds
        try:
            sweep.run()
        except Exception as error:  # noqa: BLE001 - whatever it was, the sweep after this one must come
            if not failing:
                code = error.code if isinstance(error, PipelineError) else type(error).__name__
                logs.get(__name__).error("a sweep failed", sweep=sweep.name, code=code)
            failing = True
        else:
            failing = False
