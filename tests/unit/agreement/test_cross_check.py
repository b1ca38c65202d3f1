"""Two engines on one page: side by side, one after the other, and one without the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import pytest
import structlog

from ocr_pipeline.domain.errors import EngineError, EngineTimeout, EngineUnavailable, PageUnreadable
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions
from ocr_pipeline.recognition.agreement.cross_check import CrossCheckedEngine
from ocr_pipeline.recognition.agreement.observer import Outcome
from ocr_pipeline.recognition.agreement.policy import CrossCheckPolicy, When
from tests.unit.agreement.engines import DEADLINE, FakeClock, FakeEngine, Tally
from tests.unit.agreement.readings import first_reading, second_reading

IMAGE = PageImage(b"picture", "image/png", 100, 140)
OPTIONS = RecognitionOptions(attempt=2, timeout=20.0, priority=3, session="s")
FIRST = first_reading("no pain in the chest and no fever", 0.9)
SECOND = second_reading("no pain in the chest and no fever", 0.95)
UNSURE = first_reading("no pain in the chest and no fever", 0.6)
LONG_AGO = RecognitionOptions(timeout=0.0)


@dataclass
class Pair:
    """A cross-checked engine and its parts."""

    primary: FakeEngine
    second: FakeEngine
    engine: CrossCheckedEngine
    tally: Tally
    clock: FakeClock
    closed: bool = field(default=False)

    def read(self, options: RecognitionOptions = OPTIONS) -> PageText:
        return self.engine.recognise(IMAGE, options)


class Makes:
    """Builds pairs, and lets everything go when the test is over."""

    def __init__(self) -> None:
        self.pairs: list[Pair] = []

    def __call__(
        self,
        first: PageText | BaseException = FIRST,
        second: PageText | BaseException = SECOND,
        *,
        when: When = When.ALWAYS,
        threads: int = 1,
        waiting: int = 1,
    ) -> Pair:
        primary, other = FakeEngine("model", first), FakeEngine("engine", second)
        tally, clock = Tally(), FakeClock()
        policy = CrossCheckPolicy(when, share=1.0, key=b"key")
        engine = CrossCheckedEngine(primary, other, policy, clock, threads=threads, waiting=waiting, observer=tally)
        self.pairs.append(Pair(primary, other, engine, tally, clock))
        return self.pairs[-1]

    def finish(self) -> None:
        for pair in self.pairs:
            pair.primary.may_end.set()
            pair.second.may_end.set()
            pair.engine.close()


@pytest.fixture
def pair_of() -> Iterator[Makes]:
    makes = Makes()
    yield makes
    makes.finish()


@pytest.mark.parametrize("when", [When.ALWAYS, When.SAMPLED])
def test_both_read_at_the_same_time_and_agree(pair_of: Makes, when: When) -> None:
    pair = pair_of(when=when)
    # Neither goes on before the other has begun.
    pair.primary.waits_for, pair.second.waits_for = pair.second.began, pair.primary.began

    page = pair.read()

    assert page.text == FIRST.text
    assert page.engine == "model + engine"
    assert pair.engine.name == "model + engine"
    assert min(word.confidence for word in page.words) > 0.95
    assert all(word.box is not None for word in page.words)
    assert pair.tally.outcomes == [Outcome.CHECKED]
    assert pair.tally.agreements[0] is not None


def test_both_share_the_deadline_and_the_rest_of_the_options(pair_of: Makes) -> None:
    pair = pair_of(UNSURE, when=When.DOUBTFUL)
    pair.primary.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(pair.read)
        assert pair.primary.began.wait(DEADLINE)
        pair.clock.seconds = 15.0
        pair.primary.may_end.set()
        reading.result(DEADLINE)

    assert pair.primary.seen == [OPTIONS]
    assert pair.second.seen == [RecognitionOptions(attempt=2, timeout=5.0, priority=3, session="s")]


def test_a_doubtful_page_is_asked_about_afterwards(pair_of: Makes) -> None:
    pair = pair_of(UNSURE, when=When.DOUBTFUL)

    assert min(word.confidence for word in pair.read().words) > 0.95
    assert pair.tally.outcomes == [Outcome.CHECKED]


@pytest.mark.parametrize(("when", "first"), [(When.DOUBTFUL, FIRST), (When.NEVER, UNSURE)])
def test_a_page_that_need_not_be_checked_is_left_as_it_is(pair_of: Makes, when: When, first: PageText) -> None:
    pair = pair_of(first, when=when)

    assert pair.read() is first
    assert pair.second.seen == []
    assert pair.tally.outcomes == [Outcome.SKIPPED]


@pytest.mark.parametrize(
    ("error", "outcome", "kind"),
    [
        (EngineError("failed"), Outcome.FAILED, "engine_failed"),
        (EngineUnavailable("down"), Outcome.FAILED, "engine_unavailable"),
        (PageUnreadable("damaged"), Outcome.FAILED, "page_unreadable"),
        (EngineTimeout("late"), Outcome.LATE, "engine_timeout"),
        (RuntimeError("of a library"), Outcome.FAILED, "RuntimeError"),
    ],
)
@pytest.mark.parametrize("when", [When.ALWAYS, When.DOUBTFUL])
def test_a_second_reader_that_fails_costs_confidence_alone(
    pair_of: Makes, error: Exception, outcome: Outcome, kind: str, when: When
) -> None:
    pair = pair_of(UNSURE if when is When.DOUBTFUL else FIRST, error, when=when)

    page = pair.read()

    assert page.text == FIRST.text
    assert page.notes == ("not_cross_checked",)
    assert page.engine == "model"
    assert max(word.confidence for word in page.words) == {When.ALWAYS: 0.75, When.DOUBTFUL: 0.6}[when]
    assert pair.tally.outcomes == [outcome]
    assert pair.tally.failed.wait(DEADLINE)
    assert pair.tally.failures == {kind: 1}


def test_an_unknown_failure_is_logged_by_its_class_alone(pair_of: Makes) -> None:
    pair = pair_of(FIRST, RuntimeError("Hong Gildong"))
    with structlog.testing.capture_logs() as logged:
        pair.read()
        assert pair.tally.failed.wait(DEADLINE)

    assert [entry["exception"] for entry in logged] == ["RuntimeError"]
    assert "Hong" not in str(logged)


def test_a_second_reader_that_comes_too_late_is_not_waited_for(pair_of: Makes) -> None:
    pair = pair_of()
    pair.second.may_end.clear()
    pair.primary.waits_for = pair.second.began
    pair.primary.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(pair.read)
        assert pair.primary.began.wait(DEADLINE)
        pair.clock.seconds = OPTIONS.timeout
        pair.primary.may_end.set()
        page = reading.result(DEADLINE)

    assert page.notes == ("not_cross_checked",)
    assert pair.tally.outcomes == [Outcome.LATE]


def test_a_page_without_time_left_is_not_given_to_the_second_reader(pair_of: Makes) -> None:
    pair = pair_of()

    assert pair.read(LONG_AGO).notes == ("not_cross_checked",)
    assert pair.second.seen == []
    assert pair.tally.outcomes == [Outcome.LATE]


def test_beyond_its_bound_the_second_reader_is_busy(pair_of: Makes) -> None:
    pair = pair_of(threads=1, waiting=1)
    pair.second.may_end.clear()
    pair.primary.may_end.clear()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(pair.read)
        assert pair.second.began.wait(DEADLINE)
        second = pool.submit(pair.read)
        until_seen(pair.primary, 2)
        pair.primary.may_end.set()
        third = pair.read()
        pair.second.may_end.set()
        wait((first, second), DEADLINE)

    assert third.notes == ("not_cross_checked",)
    assert first.result().notes == second.result().notes == ()
    assert sorted(pair.tally.outcomes) == [Outcome.BUSY, Outcome.CHECKED, Outcome.CHECKED]
    assert pair.read().notes == ()


@pytest.mark.parametrize("error", [EngineError("failed"), EngineUnavailable("down"), ValueError("a fault of ours")])
def test_the_primary_engines_failure_is_the_pages_failure_at_once(pair_of: Makes, error: Exception) -> None:
    pair = pair_of(error)
    pair.second.may_end.clear()

    with pytest.raises(type(error)) as raised:
        pair.read()

    assert raised.value is error
    assert pair.tally.outcomes == []


def test_a_reading_nobody_waits_for_is_never_begun_and_gives_its_place_back(pair_of: Makes) -> None:
    pair = pair_of(EngineError("failed"), threads=1, waiting=1)
    pair.second.may_end.clear()
    for _ in range(5):
        with pytest.raises(EngineError):
            pair.read()
    pair.second.may_end.set()
    pair.primary.reading = FIRST

    assert pair.read().notes == ()
    assert 1 <= len(pair.second.seen) <= 2


def test_a_failure_of_an_abandoned_reading_is_counted_too(pair_of: Makes) -> None:
    pair = pair_of(EngineError("failed"), RuntimeError("of a library"))
    pair.primary.waits_for = pair.second.began
    pair.second.may_end.clear()
    with pytest.raises(EngineError):
        pair.read()
    pair.second.may_end.set()

    assert pair.tally.failed.wait(DEADLINE)
    assert pair.tally.failures == {"RuntimeError": 1}


def test_both_are_checked_and_each_ones_outage_is_told(pair_of: Makes) -> None:
    pair = pair_of()
    pair.second.outage = EngineError("the test picture could not be read")
    with pytest.raises(EngineUnavailable, match=r"second reader.*the test picture"):
        pair.engine.check()

    pair.primary.outage = EngineUnavailable("down")
    with pytest.raises(EngineUnavailable, match=r"^down$"):
        pair.engine.check()

    pair.primary.outage = pair.second.outage = None
    pair.engine.check()


def test_a_second_reader_that_once_worked_keeps_nobody_from_working(pair_of: Makes) -> None:
    checked, used = pair_of(), pair_of()
    checked.engine.check()
    used.read()
    for pair in (checked, used):
        pair.second.outage = EngineUnavailable("down")
        pair.engine.check()
        pair.primary.outage = EngineUnavailable("down")
        with pytest.raises(EngineUnavailable):
            pair.engine.check()


def test_closing_closes_both_and_later_pages_are_not_checked(pair_of: Makes) -> None:
    pair = pair_of()
    pair.read()
    pair.engine.close()

    assert (pair.primary.closed, pair.second.closed) == (1, 1)
    assert pair.read().notes == ("not_cross_checked",)
    assert not any(thread.name.startswith("second-reader") and thread.is_alive() for thread in threading.enumerate())


def test_closing_lets_a_page_that_waits_for_its_turn_go_on_unchecked(pair_of: Makes) -> None:
    pair = pair_of(threads=1, waiting=1)
    pair.second.may_end.clear()
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(pair.read)
        assert pair.second.began.wait(DEADLINE)
        queued = pool.submit(pair.read)
        until_seen(pair.primary, 2)
        closing = pool.submit(pair.engine.close)
        page = queued.result(DEADLINE)
        pair.second.may_end.set()
        closing.result(DEADLINE)

    assert page.notes == ("not_cross_checked",)
    assert running.result().notes == ()
    assert pair.second.closed == 1


@pytest.mark.parametrize(("threads", "waiting"), [(0, 1), (1, -1)])
def test_bounds_that_shut_everyone_out_are_refused(threads: int, waiting: int) -> None:
    with pytest.raises(ValueError, match="thread"):
        CrossCheckedEngine(
            FakeEngine("a", FIRST),
            FakeEngine("b", SECOND),
            CrossCheckPolicy(),
            FakeClock(),
            threads=threads,
            waiting=waiting,
        )


def until_seen(engine: FakeEngine, pages: int) -> None:
    """Wait for an engine to have begun so many pages."""
    with engine.more:
        assert engine.more.wait_for(lambda: len(engine.seen) >= pages, DEADLINE), "the pages never came"
