"""The nightly window: right in every zone, also on the nights when clocks jump."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ocr_pipeline.domain.window import Window, parse_time

SECOND = timedelta(seconds=1)
ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia")
NEW_YORK, NIGHTLY = "America/New_York", "22:00-06:00"

minutes = st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None))
moments = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
near_jumps = st.sampled_from(
    [
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 4, 4, 15, tzinfo=UTC),
        datetime(2011, 12, 30, 10, tzinfo=UTC),
    ]
).flatmap(lambda jump: st.integers(-48 * 3600, 48 * 3600).map(lambda seconds: jump + seconds * SECOND))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    opens, closes = draw(minutes), draw(minutes)
    assume(opens != closes)
    return Window(opens, closes, draw(st.sampled_from(ZONES)))


def shown(moment: datetime, window: Window) -> datetime:
    return moment.astimezone(ZoneInfo(window.zone)).replace(tzinfo=None)


def in_hours(moment: datetime, window: Window) -> bool:
    """What the clock on the wall says."""
    at = shown(moment, window).time()
    if window.opens < window.closes:
        return window.opens <= at < window.closes
    return at >= window.opens or at < window.closes


@given(windows(), st.one_of(moments, near_jumps))
def test_a_window_opens_and_closes_at_the_first_moment_its_time_is_reached(window: Window, now: datetime) -> None:
    for edge, wanted in ((window.opens_next(now), window.opens), (window.closes_next(now), window.closes)):
        assert edge > now
        before, at = shown(edge - SECOND, window), shown(edge, window)
        reached = datetime.combine(at.date(), wanted)
        # The day itself may be skipped as well, as Samoa did.
        assert any(before < reached - timedelta(days=days) <= at for days in (0, 1))


@given(windows(), st.one_of(moments, near_jumps))
def test_open_is_between_an_opening_and_its_close(window: Window, now: datetime) -> None:
    left = window.seconds_left(now)
    assert window.is_open(now) == (left > 0)
    if window.is_open(now):
        closes = now + timedelta(seconds=left)
        assert closes == window.closes_next(now)
        assert window.is_open(closes - timedelta(microseconds=1))
    else:
        opens = window.opens_next(now)
        assert window.is_open(opens)
        assert not window.is_open(opens - timedelta(microseconds=1))


@given(windows(), moments)
def test_where_no_clock_jumps_the_window_is_what_the_wall_says(window: Window, now: datetime) -> None:
    zone = ZoneInfo(window.zone)
    offsets = {(now + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-50, 51, 2)}
    assume(len(offsets) == 1)
    assert window.is_open(now) == in_hours(now, window)


@given(windows(), st.one_of(moments, near_jumps), st.floats(1, 400_000))
def test_work_takes_its_time_and_only_while_open(window: Window, now: datetime, seconds: float) -> None:
    end = window.after_work(now, seconds)
    worked, at = 0.0, now
    while at < end:
        left = window.seconds_left(at)
        stretch = min(left, (end - at).total_seconds())
        worked += stretch
        at = at + timedelta(seconds=left) if left else window.opens_next(at)
        if not left and at >= end:
            break
    assert worked == pytest.approx(seconds, abs=0.01)


@given(windows())
def test_a_window_comes_back_from_its_text(window: Window) -> None:
    assert Window.from_text(str(window)) == window


def test_clocks_that_go_forward_make_the_night_shorter() -> None:
    window = Window.parse(NIGHTLY, NEW_YORK)
    opened = datetime(2026, 3, 8, 3, tzinfo=UTC)  # 22:00 EST on the 7th
    assert window.is_open(opened)
    assert not window.is_open(opened - SECOND)
    assert window.seconds_left(opened) == 7 * 3600
    assert window.closes_next(opened) == datetime(2026, 3, 8, 10, tzinfo=UTC)


def test_clocks_that_go_back_make_the_night_longer() -> None:
    window = Window.parse(NIGHTLY, NEW_YORK)
    assert window.seconds_left(datetime(2026, 11, 1, 2, tzinfo=UTC)) == 9 * 3600


def test_a_time_that_is_skipped_is_reached_by_the_jump() -> None:
    jump = datetime(2026, 3, 8, 7, tzinfo=UTC)  # 02:00 becomes 03:00
    opens = Window.parse("02:30-06:00", NEW_YORK)
    assert opens.opens_next(jump - timedelta(hours=1)) == jump
    closes = Window.parse("22:00-02:30", NEW_YORK)
    assert closes.closes_next(jump - timedelta(hours=1)) == jump


def test_a_time_that_comes_twice_counts_the_first_time() -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 01:30 EDT; an hour later it is 01:30 EST
    closes = Window.parse("22:00-01:30", NEW_YORK)
    assert closes.closes_next(first - timedelta(hours=1)) == first
    assert not closes.is_open(first + timedelta(minutes=45)), "01:15 comes again, the window does not"
    opens = Window.parse("01:30-06:00", NEW_YORK)
    assert opens.is_open(first + timedelta(minutes=45))


def test_a_window_that_the_clock_jumps_over_is_left_out() -> None:
    window = Window.parse("02:10-02:50", NEW_YORK)
    night = datetime(2026, 3, 8, 6, tzinfo=UTC)
    assert shown(window.opens_next(night), window) == datetime(2026, 3, 9, 2, 10)


def test_a_day_that_is_left_out_is_no_trouble() -> None:
    window = Window.parse(NIGHTLY, "Pacific/Apia")
    skipped = datetime(2011, 12, 30, 10, tzinfo=UTC)  # Samoa went from the 29th to the 31st
    assert shown(window.opens_next(skipped), window).date() in {date(2011, 12, 30), date(2011, 12, 31)}


@pytest.mark.parametrize("hours", ["22:00", "22:00-25:00", "aa-bb", "", "22:00-22:00", "22:00-06:00-07:00", "-"])
def test_hours_that_are_none_are_refused(hours: str) -> None:
    with pytest.raises(ValueError, match=r"22:00|different times"):
        Window.parse(hours, "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Asia", "Asia/\0"])
def test_zones_that_are_none_are_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        Window.parse(NIGHTLY, zone)


def test_local_times_have_no_zone_of_their_own() -> None:
    with pytest.raises(ValueError, match="local"):
        Window(time(22, tzinfo=UTC), time(6), "UTC")
    assert parse_time(" 09:05 ") == time(9, 5)
