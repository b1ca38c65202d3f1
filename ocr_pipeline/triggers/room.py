"""Whether the lanes take more documents: where they are full, events stay where they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Lock

from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.domain.priorities import Priority, Stage, lane

_LOOK_SECONDS = 2.0


class Room:
    """Looks at the lanes of some priorities every other second at most. Safe between threads.

    A broker that does not answer keeps nothing out: the database keeps the work, and the sweep sends it later.
    """

    def __init__(
        self,
        depths: Callable[[], dict[str, int]],
        priorities: Iterable[Priority],
        most: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._depths = depths
        self._lanes = tuple(
            lane(stage, priority) for stage in (Stage.INTAKE, Stage.RECOGNITION) for priority in set(priorities)
        )
        self._most = most
        self._now = now
        self._lock = Lock()
        self._looked: float | None = None
        self._open = True

    def __call__(self) -> bool:
        """Whether the deepest of the lanes is shallower than the most."""
        with self._lock:
            if self._looked is None or self._now() - self._looked >= _LOOK_SECONDS:
                self._looked = self._now()
                self._open = self._look()
            return self._open

    def _look(self) -> bool:
        try:
            depths = self._depths()
        except PipelineError:
            return True
        return max((depths.get(name, 0) for name in self._lanes), default=0) < self._most
