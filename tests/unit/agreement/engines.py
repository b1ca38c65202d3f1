"""Engines that do as they are told, and wait when they are told to."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions
from ocr_pipeline.recognition.agreement.agreement import Agreement
from ocr_pipeline.recognition.agreement.observer import CrossCheckObserver, Outcome

DEADLINE = 120.0


@dataclass
class FakeClock:
    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class FakeEngine:
    """Gives `reading`, or raises it. Begins by setting `began`, and goes on once `may_end` is set."""

    name: str
    reading: PageText | BaseException
    waits_for: threading.Event | None = None
    outage: Exception | None = None
    began: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)
    seen: list[RecognitionOptions] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)
    checks: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.may_end.set()

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        del page
        with self.more:
            self.seen.append(options)
            self.more.notify_all()
        self.began.set()
        if self.waits_for is not None:
            assert self.waits_for.wait(DEADLINE), f"{self.name} waited in vain"
        assert self.may_end.wait(DEADLINE), f"{self.name} was never let go"
        if isinstance(self.reading, BaseException):
            raise self.reading
        return self.reading

    def check(self) -> None:
        self.checks += 1
        if self.outage is not None:
            raise self.outage

    def close(self) -> None:
        self.closed += 1


class Tally(CrossCheckObserver):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.agreements: list[Agreement | None] = []
        self.failures: Counter[str] = Counter()
        self.failed = threading.Event()

    def settled(self, outcome: Outcome, agreement: Agreement | None) -> None:
        self.outcomes.append(outcome)
        self.agreements.append(agreement)

    def second_reader_failed(self, kind: str) -> None:
        self.failures[kind] += 1
        self.failed.set()
