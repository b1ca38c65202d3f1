"""The scaling policies: the requirement's thresholds and predicted drain time, alone and over a day."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.capacity import autoscaling, drain
from ocr_pipeline.capacity.autoscaling import Bounds, Reason, Signals, ThresholdRules
from ocr_pipeline.capacity.day import clinic_day, read_day
from ocr_pipeline.capacity.drain import Backlog, DrainRules
from ocr_pipeline.capacity.replay import DrainPolicy, Site, ThresholdPolicy, replay
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.priorities import Priority

RULES = ThresholdRules()
LONG_AGO = 1e9


@pytest.mark.parametrize(
    ("instances", "utilisation", "queue", "since", "wanted", "reason"),
    [
        (4, 0.76, 0, LONG_AGO, 6, Reason.BUSY),
        (4, 0.75, 50, LONG_AGO, 4, Reason.STEADY),
        (4, 0.10, 51, LONG_AGO, 6, Reason.QUEUE),
        (4, None, 51, LONG_AGO, 6, Reason.QUEUE),
        (4, None, 0, LONG_AGO, 4, Reason.STEADY),
        (4, 0.29, 0, LONG_AGO, 3, Reason.IDLE),
        (4, 0.30, 0, LONG_AGO, 4, Reason.STEADY),
        (4, 0.29, 1, LONG_AGO, 4, Reason.STEADY),
        (4, 0.99, 99, 299.9, 4, Reason.COOLDOWN),
        (4, 0.99, 99, 300.0, 6, Reason.BUSY),
        (19, 0.99, 99, LONG_AGO, 20, Reason.BUSY),
        (20, 0.99, 99, LONG_AGO, 20, Reason.BOUNDS),
        (2, 0.0, 0, LONG_AGO, 2, Reason.BOUNDS),
        (1, 0.0, 0, 0.0, 2, Reason.BOUNDS),
        (25, 0.9, 99, 0.0, 20, Reason.BOUNDS),
    ],
)
def test_thresholds(
    instances: int, utilisation: float | None, queue: int, since: float, wanted: int, reason: Reason
) -> None:
    decision = autoscaling.decide(instances, Signals(utilisation, queue), since, RULES)
    assert (decision.instances, decision.reason) == (wanted, reason)


@given(
    st.integers(2, 20),
    st.one_of(st.none(), st.floats(0, 1)),
    st.integers(0, 10_000),
    st.floats(0, 10_000),
)
def test_thresholds_keep_bounds_steps_and_cooldown(
    instances: int, utilisation: float | None, queue: int, since: float
) -> None:
    wanted = autoscaling.decide(instances, Signals(utilisation, queue), since, RULES).instances
    assert 2 <= wanted <= 20
    assert -1 <= wanted - instances <= 2
    if since < 300:
        assert wanted == instances


@pytest.mark.parametrize(("fewest", "most", "cooldown"), [(0, 1, 0), (3, 2, 0), (1, 2, -1)])
def test_bounds_are_checked(fewest: int, most: int, cooldown: float) -> None:
    with pytest.raises(ValueError, match="bounds need"):
        Bounds(fewest, most, cooldown)


def backlogs(urgent: float = 0, routine: float = 0, bulk: float = 0, arriving: float = 0) -> list[Backlog]:
    return [
        Backlog(Priority.URGENT, urgent, arriving, 10),
        Backlog(Priority.ROUTINE, routine, 0, 100),
        Backlog(Priority.BULK, bulk, 0, 10_000),
    ]


def test_drain_time_counts_what_goes_first_and_what_still_comes() -> None:
    drained = drain.drain_seconds(backlogs(urgent=10, routine=40, bulk=1_000, arriving=3), throughput=8)
    assert drained[Priority.URGENT] == pytest.approx(10 / 8)
    assert drained[Priority.ROUTINE] == pytest.approx(50 / 5)
    assert drained[Priority.BULK] == pytest.approx(1_050 / 5)


def test_a_class_that_is_starved_never_drains() -> None:
    drained = drain.drain_seconds(backlogs(bulk=1, arriving=8), throughput=8)
    assert drained[Priority.BULK] == math.inf
    assert drained[Priority.ROUTINE] == 0


def test_urgent_pages_want_more_than_bulk_ones() -> None:
    rules = DrainRules(Bounds(1, 100, 0))
    assert drain.wanted_instances(backlogs(bulk=5_000), 0.5, rules) == 1
    assert drain.wanted_instances(backlogs(urgent=500), 0.5, rules) == 100
    assert drain.wanted_instances(backlogs(arriving=8.5), 0.5, rules) == 20


@given(
    st.floats(0, 500), st.floats(0, 500), st.floats(0, 5_000), st.floats(0, 5), st.floats(0.05, 5), st.integers(1, 400)
)
def test_what_is_wanted_drains_in_time_unless_the_bounds_forbid(
    urgent: float, routine: float, bulk: float, arriving: float, per_instance: float, most: int
) -> None:
    waiting = backlogs(urgent, routine, bulk, arriving)
    count = drain.wanted_instances(waiting, per_instance, DrainRules(Bounds(1, most, 0)))
    drained = drain.drain_seconds(waiting, count * per_instance)
    if count < most:
        for backlog in waiting:
            assert drained[backlog.priority] <= backlog.within * (1 + 1e-6)


def test_up_at_once_and_down_step_by_step() -> None:
    rules = DrainRules()
    assert drain.decide(2, 9, 0.0, rules).instances == 9
    assert drain.decide(9, 2, 299.0, rules) == autoscaling.Decision(9, Reason.COOLDOWN)
    assert drain.decide(9, 2, 300.0, rules).instances == 8
    assert drain.decide(9, 99, 0.0, rules).instances == 20
    assert drain.decide(30, 2, 0.0, rules) == autoscaling.Decision(20, Reason.BOUNDS)
    assert drain.decide(4, 4, 0.0, rules).reason is Reason.STEADY


def test_over_a_day_drain_time_is_later_less_often_for_fewer_instance_hours() -> None:
    day, site = clinic_day(), Site(per_instance=1.0)
    thresholds = replay(day, site, ThresholdPolicy())
    drained = replay(day, site, DrainPolicy(site.per_instance))
    assert drained.instance_hours < thresholds.instance_hours
    assert all(ours <= theirs for ours, theirs in zip(drained.late, thresholds.late, strict=True))
    assert thresholds.late[Priority.ROUTINE] > 0.05


def test_no_page_of_a_day_is_lost_and_too_small_a_site_is_late() -> None:
    day = read_day(["minute,urgent,routine,bulk", "0,100,0,0", "5,0,0,0"])
    keeping_up = replay(day, Site(per_instance=1.0), lambda _seen: 2)
    assert keeping_up.late == (0, 0, 0)
    overrun = replay(day, Site(per_instance=0.001), lambda _seen: 2)
    assert overrun.late[0] > 0.9


def test_an_instance_works_only_once_it_has_started() -> None:
    day = read_day(["minute,urgent,routine,bulk", "0,600,0,0", "5,0,0,0"])
    quick = replay(day, Site(1.0, start_seconds=0), lambda _seen: 4, instances=1)
    slow = replay(day, Site(1.0, start_seconds=280), lambda _seen: 4, instances=1)
    assert quick.longest[0] < slow.longest[0]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["minute,urgent"], "columns"),
        ([], "columns"),
        (["minute,urgent,routine,bulk", "0,1,2"], "line 2"),
        (["minute,urgent,routine,bulk", "0,1,2,x"], "line 2"),
        (["minute,urgent,routine,bulk", "0,1,2,-3"], "out of range"),
        (["minute,urgent,routine,bulk", "99999,1,2,3"], "out of range"),
        (["minute,urgent,routine,bulk", "0,1,2,3"], "evenly"),
        (["minute,urgent,routine,bulk", "0,1,2,3", "5,1,2,3", "6,1,2,3"], "evenly"),
    ],
)
def test_a_day_that_cannot_be_read_is_refused_by_line(lines: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_day(lines)
