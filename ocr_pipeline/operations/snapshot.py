"""One picture of the pipeline for all who watch it: the status page, the exporter, the alerts.

It may be asked for at any rate by any number of watchers: it is taken at most every few seconds, and never costs the
database more than a tenth of the time, however long its queries take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from threading import Lock
from typing import TypeVar

from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.figures import Feeds, FeedsSource, Figures, FiguresSource, LaneFigures, LanesSource

Result = TypeVar("Result")

_SHARE = 0.1
"""The part of the time that taking pictures may take at most."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pipeline at one moment. What could not be had is None, and `missing` names its source and why, by code."""

    taken_at: datetime
    day_began: datetime
    figures: Figures | None
    lanes: Sequence[LaneFigures] | None
    feeds: Feeds | None
    missing: dict[str, str] = field(default_factory=dict)


class TakeSnapshot:
    """Takes snapshots, each good for `fresh_seconds` or longer. Safe between threads: one takes, the others wait.

    The day begins at midnight in `zone`. Without `feeds` nothing is told of bulk runs and triggers.
    """

    def __init__(
        self,
        figures: FiguresSource,
        lanes: LanesSource,
        clock: Clock,
        zone: tzinfo,
        *,
        feeds: FeedsSource | None = None,
        fresh_seconds: float = 3.0,
    ) -> None:
        self._figures = figures
        self._lanes = lanes
        self._feeds = feeds
        self._clock = clock
        self._zone = zone
        self._fresh_seconds = fresh_seconds
        self._lock = Lock()
        self._last: Snapshot | None = None
        self._good_until = 0.0

    def __call__(self) -> Snapshot:
        """The present snapshot. Never raises what a source raises on purpose: it tells of it."""
        with self._lock:
            began = self._clock.monotonic()
            if self._last is None or began >= self._good_until:
                self._last = self._take()
                took = self._clock.monotonic() - began
                self._good_until = began + took + max(self._fresh_seconds, took * (1 - _SHARE) / _SHARE)
            return self._last

    def _take(self) -> Snapshot:
        now = self._clock.now()
        began = day_began(now, self._zone)
        missing: dict[str, str] = {}

        def had(source: str, ask: Callable[[], Result]) -> Result | None:
            try:
                return ask()
            except PipelineError as error:
                missing[source] = error.code
                return None

        feeds = self._feeds
        return Snapshot(
            taken_at=now,
            day_began=began,
            figures=had("database", lambda: self._figures(now=now, day_began=began)),
            lanes=had("broker", self._lanes),
            feeds=None if feeds is None else had("feeds", lambda: feeds(day_began=began)),
            missing=missing,
        )


def day_began(now: datetime, zone: tzinfo) -> datetime:
    """Midnight of the present day in a time zone."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
