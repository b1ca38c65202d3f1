from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.gateway.admission import WaitingPages

CLINIC, HOSPITAL = ClientId("clinic"), ClientId("hospital")


class Waiting:
    """Stands for the records: says how many pages wait, and counts how often it was asked."""

    def __init__(self, **pages: int) -> None:
        self.pages = pages
        self.asked = 0
        self.time = 100.0

    def counts(self) -> WaitingPages:
        return WaitingPages(lambda: self, lambda: self.time)  # type: ignore[arg-type]

    @property
    def documents(self) -> Self:
        return self

    def waiting_pages(self, client_id: ClientId) -> int:
        self.asked += 1
        return self.pages[client_id]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def test_a_count_is_counted_on_and_soon_taken_anew() -> None:
    records = Waiting(clinic=3)
    counts = records.counts()
    assert [counts.let_in(CLINIC, 10) for _ in range(4)] == [True] * 4
    assert records.asked == 1
    records.time += 2
    assert counts.let_in(CLINIC, 10)
    assert records.asked == 2


def test_a_quota_holds_between_two_counts() -> None:
    records = Waiting(clinic=0)
    counts = records.counts()
    let_in = 0
    while counts.let_in(CLINIC, 5):
        let_in += 1
        records.pages["clinic"] += 1
    assert let_in == 5


def test_nobody_is_turned_away_on_an_old_count() -> None:
    records = Waiting(clinic=5)
    counts = records.counts()
    assert not counts.let_in(CLINIC, 5)
    records.pages["clinic"] = 4
    assert counts.let_in(CLINIC, 5)
    records.pages["clinic"] = 0
    assert counts.let_in(CLINIC, 5)


def test_documents_that_are_still_arriving_count() -> None:
    records = Waiting(clinic=0)
    counts = records.counts()
    assert [counts.let_in(CLINIC, 3) for _ in range(5)] == [True] * 3 + [False] * 2
    records.time += 2
    assert not counts.let_in(CLINIC, 3)
    counts.arrived(CLINIC)
    assert [counts.let_in(CLINIC, 3) for _ in range(2)] == [True, False]


def test_many_at_once_are_let_in_no_more_than_one_after_another() -> None:
    records = Waiting(clinic=0)
    counts = records.counts()
    together = threading.Barrier(16)

    def count(client_id: ClientId) -> int:
        time.sleep(0.01)  # gives the others time to ask as well
        return 0

    records.waiting_pages = count  # type: ignore[method-assign]

    def ask(_: int) -> bool:
        together.wait(120)
        return counts.let_in(CLINIC, 3)

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(ask, range(16))) == 3


def test_clients_are_counted_apart() -> None:
    counts = Waiting(clinic=9, hospital=0).counts()
    assert not counts.let_in(CLINIC, 5)
    assert counts.let_in(HOSPITAL, 5)
