"""A recorded day: the pages that arrived, by class, in steps of a few minutes."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.priorities import Priority

_COLUMNS = ("minute", *(priority.label for priority in Priority))
_LONGEST = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Pages of each class that arrived from `start` (seconds from the day's beginning) until the next row."""

    start: float
    pages: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Day:
    """Rows in order of time, `step` seconds apart."""

    rows: tuple[Arrivals, ...]
    step: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.step * len(self.rows)

    def rate(self, second: float) -> tuple[float, float, float]:
        """Pages a second of each class at a moment; none after the day's end."""
        index = int(second // self.step)
        if index >= len(self.rows):
            return 0.0, 0.0, 0.0
        urgent, routine, bulk = self.rows[index].pages
        return urgent / self.step, routine / self.step, bulk / self.step


def read_day(lines: Iterable[str]) -> Day:
    """A day from CSV with the columns minute, urgent, routine, bulk; the minutes are evenly spaced, up to a week.

    Raises ConfigurationError naming the line that is wrong.
    """
    reader = csv.DictReader(lines)
    if reader.fieldnames is None or tuple(reader.fieldnames) != _COLUMNS:
        raise ConfigurationError(f"a recorded day has the columns {', '.join(_COLUMNS)}")
    rows: list[Arrivals] = []
    for line in reader:
        try:
            minute, *pages = (int(line[column]) for column in _COLUMNS)
        except (TypeError, ValueError):
            raise ConfigurationError(f"line {reader.line_num} of the recorded day is not four whole numbers") from None
        if min(minute, *pages) < 0 or minute >= _LONGEST:
            raise ConfigurationError(f"line {reader.line_num} of the recorded day is out of range")
        urgent, routine, bulk = pages
        rows.append(Arrivals(minute * 60.0, (urgent, routine, bulk)))
    return Day(tuple(rows), _step(rows))


def clinic_day() -> Day:
    """The day that comes with the program: an invented clinic of 100,000 pages, half of them by night."""
    text = resources.files(__package__).joinpath("clinic_day.csv").read_text(encoding="ascii")
    return read_day(text.splitlines())


def _step(rows: list[Arrivals]) -> float:
    steps = {after.start - before.start for before, after in pairwise(rows)}
    if len(steps) != 1 or min(steps) <= 0:
        raise ConfigurationError("the rows of a recorded day stand in order, evenly spaced, two of them at least")
    return steps.pop()
