"""What came back, counted: by status and by kind of act, and what should not have come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

import httpx

from benchmarks.load.visitor import NO_ANSWER, Act, Answer

_INTERNAL_ERROR = 500


@dataclass(slots=True)
class Tally:
    """Counts of one run. Safe between threads."""

    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def add(self, act: Act, answer: Answer) -> None:
        """Count an answer, and remark on it where it is not right."""
        busy = answer.status == httpx.codes.SERVICE_UNAVAILABLE
        remark = None
        if answer.wrong is not None:
            remark = f"{act.name}: {answer.status}, {answer.wrong}"
        elif answer.status not in act.right and not busy:
            remark = f"{act.name}: {answer.status or 'no answer'}"
        self._count(act, answer.status, remark)

    def broke(self, act: Act, error: Exception) -> None:
        """Count something that had no answer at all, or one that could not be understood."""
        self._count(act, NO_ANSWER, f"{act.name}: {type(error).__name__}")

    @property
    def total(self) -> int:
        """How many things were done."""
        return self.statuses.total()

    @property
    def failures(self) -> int:
        """How many answers say that the front door broke."""
        return self.statuses[_INTERNAL_ERROR]

    @property
    def wrong(self) -> int:
        """How many answers were not right for what was asked."""
        return self.remarks.total()

    def _count(self, act: Act, status: int, remark: str | None) -> None:
        with self._lock:
            self.statuses[status] += 1
            self.kinds[act.kind] += 1
            if remark is not None:
                self.remarks[remark] += 1
