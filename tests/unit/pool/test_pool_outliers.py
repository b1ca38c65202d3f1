"""Servers that are far from the others, and pages that are held to be killers."""

from __future__ import annotations

import pytest

from ocr_pipeline.recognition.pool.observer import OutlierReason
from ocr_pipeline.recognition.pool.outliers import Ejection, OutlierRules, Outliers, PageOutcome
from ocr_pipeline.recognition.pool.suspects import Suspects, SuspicionRules

WELL = PageOutcome(failed=False, seconds=10.0, tokens=500)
FAILED = PageOutcome(failed=True)
RULES = OutlierRules(window=60, fewest_pages=8, failure_margin=0.3, first_ejection=10, longest_ejection=25)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    def __init__(self, names: str = "abcd") -> None:
        self.clock = Clock()
        self.names = list(names)
        self.outliers = Outliers(RULES, self.clock)

    def saw(self, server: str, *outcomes: PageOutcome) -> None:
        for outcome in outcomes:
            self.outliers.record(server, outcome)

    def judge(self, ready: str | None = None) -> Ejection | None:
        return self.outliers.judge(self.names, self.names if ready is None else list(ready))


def test_who_fails_like_the_others_stays() -> None:
    bench = Bench()
    for server in bench.names:
        bench.saw(server, *[FAILED] * 6, *[WELL] * 4)
    assert bench.judge() is None


def test_who_fails_far_more_than_the_others_is_ejected() -> None:
    bench = Bench()
    for server in "bcd":
        bench.saw(server, *[FAILED] * 1, *[WELL] * 9)
    bench.saw("a", *[FAILED] * 3, *[WELL] * 4)
    assert bench.judge() is None, "seven pages prove nothing"
    bench.saw("a", FAILED, FAILED)
    assert bench.judge() == Ejection("a", OutlierReason.FAILURES, 10)
    assert bench.outliers.is_ejected("a")
    assert bench.judge() is None
    bench.clock.seconds = 10
    assert not bench.outliers.is_ejected("a")
    assert bench.judge() is None, "it begins anew"


def test_who_is_many_times_slower_than_the_others_is_ejected_but_not_who_has_an_older_gpu() -> None:
    bench = Bench()
    for server, seconds in (("a", 55.0), ("b", 10.0), ("c", 10.0), ("d", 20.0)):
        bench.saw(server, PageOutcome(failed=False, seconds=seconds, tokens=500))
    assert bench.judge() is None
    bench.saw("a", PageOutcome(failed=False, seconds=500.0, tokens=1500))
    assert bench.judge() == Ejection("a", OutlierReason.PACE, 10)


def test_what_is_long_ago_does_not_count() -> None:
    bench = Bench()
    for server in bench.names:
        bench.saw(server, *[FAILED if server == "a" else WELL] * 10)
    bench.clock.seconds = 61
    for server in bench.names:
        bench.saw(server, *[WELL] * 10)
    assert bench.judge() is None


def test_ejections_grow_up_to_a_cap_and_are_forgiven_in_the_end() -> None:
    bench = Bench()

    def ejected_for() -> float:
        for server in bench.names:
            bench.saw(server, *[FAILED if server == "a" else WELL] * 10)
        ejection = bench.judge()
        assert ejection is not None
        bench.clock.seconds += ejection.seconds
        return ejection.seconds

    assert [ejected_for() for _ in range(4)] == [10, 20, 25, 25]
    bench.clock.seconds += 601
    assert ejected_for() == 10


@pytest.mark.parametrize(("names", "most"), [("ab", 1), ("abc", 1), ("abcd", 2), ("abcde", 2)])
def test_never_more_than_half_are_ejected(names: str, most: int) -> None:
    bench = Bench(names)
    for server in names:
        bench.saw(server, *[FAILED if server < names[-1] else WELL] * 10)
    ejected = []
    while (ejection := bench.judge()) is not None:
        ejected.append(ejection.server)
    assert len(ejected) <= most


def test_never_the_last_that_is_ready() -> None:
    bench = Bench("abcd")
    for server in "abcd":
        bench.saw(server, *[FAILED if server == "a" else WELL] * 10)
    assert bench.judge(ready="a") is None
    assert bench.judge(ready="ab") is not None


def test_the_only_server_that_is_known_is_compared_with_nobody() -> None:
    bench = Bench()
    bench.saw("a", *[FAILED] * 20)
    assert bench.judge() is None


def test_an_illness_wipes_out_what_was_seen_but_not_the_ejections() -> None:
    bench = Bench()
    for server in bench.names:
        bench.saw(server, *[FAILED if server == "a" else WELL] * 10)
    bench.outliers.forget("a")
    bench.outliers.forget("z")
    assert bench.judge() is None
    bench.outliers.remove("a")
    assert not bench.outliers.is_ejected("a")


def test_strikes_before_the_first_token_weigh_more() -> None:
    suspects = Suspects(SuspicionRules(silent=2, in_hand=3), Clock())
    silent = suspects.of(None)
    assert [suspects.strike(None, silent, wrote=False) for _ in range(2)] == [False, True]
    writing = suspects.of(None)
    assert [suspects.strike(None, writing, wrote=True) for _ in range(3)] == [False, False, True]
    mixed = suspects.of(None)
    assert [suspects.strike(None, mixed, wrote=wrote) for wrote in (True, False, True)] == [False, False, True]


def test_a_suspect_needs_a_sign_of_life_that_is_fresh_and_later_than_its_strike() -> None:
    clock = Clock()
    suspects = Suspects(SuspicionRules(fresh=1.0), clock)
    suspicion = suspects.of("p")
    assert suspects.may_go_to(suspicion, last_sign=-100.0)
    clock.seconds = 10.0
    suspects.strike("p", suspicion, wrote=False)
    clock.seconds = 10.5
    assert not suspects.may_go_to(suspicion, last_sign=9.9)
    assert suspects.may_go_to(suspicion, last_sign=10.1)
    clock.seconds = 12.0
    assert not suspects.may_go_to(suspicion, last_sign=10.1)


def test_strikes_are_remembered_by_name_until_a_result_for_a_while_and_for_so_many_pages() -> None:
    clock = Clock()
    suspects = Suspects(SuspicionRules(memory=100.0, pages=2), clock)
    for name in ("p", "q", "r"):
        suspects.strike(name, suspects.of(name), wrote=False)
    assert [suspects.of(name).is_suspect for name in ("p", "q", "r")] == [False, True, True]
    suspects.acquit("q")
    assert not suspects.of("q").is_suspect
    clock.seconds = 101.0
    assert not suspects.of("r").is_suspect
