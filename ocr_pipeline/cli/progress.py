"""How what takes long shows itself: a run by a bar on a terminal, everything else by a plain line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ocr_pipeline.operations.run import Progress as RunProgress

_PLAIN_INTERVAL = 5.0


class NowAndThen:
    """Says how far something is, at most once in so many seconds; `at_once` lets it say so at the very start."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        seconds: float = _PLAIN_INTERVAL,
        at_once: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._seconds = seconds
        self._clock = clock
        self._next = clock() + (0.0 if at_once else seconds)

    def __call__(self, line: str) -> None:
        """Say this line, unless one was said a short while ago."""
        if self._clock() >= self._next:
            self._next = self._clock() + self._seconds
            self._say(line)


class RunDisplay(Protocol):
    """Shows where a run stands."""

    def update(self, progress: RunProgress, confidence: float | None) -> None:
        """Show this. `confidence` is the mean over the pages read so far, None before the first."""
        ...

    def remark(self, text: str) -> None:
        """Show a line that stays."""
        ...


def describe(progress: RunProgress, confidence: float | None) -> str:
    """One line: pages, speed, confidence, review count, time left."""
    speed = progress.pages_done / progress.elapsed if progress.elapsed > 0 else 0.0
    parts = [f"{progress.settled + progress.turned_away}/{progress.files} files"]
    parts.append(f"{progress.pages_done}/{progress.pages} pages")
    parts.append(f"{speed:.2f} pages/s")
    if confidence is not None:
        parts.append(f"confidence {confidence:.2f}")
    parts.append(f"{progress.in_review} in review")
    left = seconds_left(progress)
    if left is not None:
        parts.append(f"{_clock(left)} left")
    return ", ".join(parts)


def seconds_left(progress: RunProgress) -> float | None:
    """Elapsed time scaled by the files still to settle; None before one has. Files turned away cost no time."""
    left = progress.files - progress.turned_away - progress.settled
    if not progress.settled or left <= 0:
        return None
    return progress.elapsed / progress.settled * left


@contextmanager
def run_display(console: Console, *, quiet: bool) -> Iterator[RunDisplay]:
    """A bar where the console is a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        yield _Silent()
    elif console.is_terminal:
        columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            yield _Bar(bar)
    else:
        yield _Lines(console)


class _Silent:
    def update(self, progress: RunProgress, confidence: float | None) -> None:
        pass

    def remark(self, text: str) -> None:
        pass


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._tell = NowAndThen(self.remark)

    def update(self, progress: RunProgress, confidence: float | None) -> None:
        self._tell(describe(progress, confidence))

    def remark(self, text: str) -> None:
        self._console.print(text, markup=False)


class _Bar:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None)

    def update(self, progress: RunProgress, confidence: float | None) -> None:
        done = progress.settled + progress.turned_away
        self._bar.update(self._task, total=progress.files, completed=done, description=describe(progress, confidence))

    def remark(self, text: str) -> None:
        self._bar.console.print(text, markup=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
