"""The nightly window: when work may be handed out, in the local time of a place, right also where its clocks jump.

An end of the window is the first moment at which the clock on the wall has reached it. Where a time does not exist that
day (clocks go forward over it) that is the moment of the jump; where it comes twice (clocks go back), the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_LONGEST = 2
"""A window that is open now was opened at most so many local dates ago."""


@dataclass(frozen=True, slots=True)
class Window:
    """Open every day from one local time to another, over midnight where the second is the earlier.

    Raises ValueError for equal times (leave the window out where there is to be none) and unknown time zones (IANA).
    """

    opens: time
    closes: time
    zone: str

    def __post_init__(self) -> None:
        if self.opens == self.closes:
            raise ValueError("a window opens and closes at different times")
        if self.opens.tzinfo is not None or self.closes.tzinfo is not None:
            raise ValueError("the times of a window are local ones")
        try:
            ZoneInfo(self.zone)
        except (OSError, ValueError, LookupError):
            raise ValueError("that time zone is not known; names look like Asia/Seoul") from None

    @classmethod
    def parse(cls, hours: str, zone: str) -> Window:
        """The window of `22:00-06:00` in a time zone. Raises ValueError."""
        opens, dash, closes = hours.partition("-")
        if not dash:
            raise ValueError("the hours of a window look like 22:00-06:00")
        return cls(parse_time(opens), parse_time(closes), zone)

    @classmethod
    def from_text(cls, text: str) -> Window:
        """What `str` gave. Raises ValueError."""
        hours, _, zone = text.partition(" ")
        return cls.parse(hours, zone)

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M} {self.zone}"

    def is_open(self, now: datetime) -> bool:
        """Whether work may be handed out."""
        opened, _ = next(self._from(now))
        return opened <= now

    def opens_next(self, now: datetime) -> datetime:
        """The next opening after `now`, in UTC."""
        return next(opened for opened, _ in self._from(now) if opened > now)

    def closes_next(self, now: datetime) -> datetime:
        """The end of the window that is open now, or of the next one, in UTC."""
        return next(self._from(now))[1]

    def seconds_left(self, now: datetime) -> float:
        """How long the window stays open; 0 while it is shut."""
        opened, closed = next(self._from(now))
        return (closed - now).total_seconds() if opened <= now else 0.0

    def after_work(self, now: datetime, seconds: float) -> datetime:
        """When so many seconds of work are done that goes on only while the window is open."""
        left = timedelta(seconds=seconds)
        for opened, closed in self._from(now):
            begun = max(opened, now)
            if left <= closed - begun:
                return begun + left
            left -= closed - begun
        raise AssertionError("windows never end")

    def _from(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The windows that close after `now`, in order; the first may be open."""
        zone = ZoneInfo(self.zone)
        first = now.astimezone(zone).date() - _LONGEST * _DAY
        over_midnight = _DAY if self.closes < self.opens else timedelta(0)
        for days in count():
            day = first + days * _DAY
            opened, closed = _reached(day, self.opens, zone), _reached(day + over_midnight, self.closes, zone)
            # Where clocks jump over the whole window there is none that day.
            if closed > now and closed > opened:
                yield opened, closed


def parse_time(text: str) -> time:
    """A time of day from `22:00`. Raises ValueError."""
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise ValueError("a time of day looks like 22:00") from None


def _reached(day: date, wanted: time, zone: ZoneInfo) -> datetime:
    """The first moment at which clocks in a zone show a date and time, or have passed it, in UTC."""
    local = datetime.combine(day, wanted)
    earlier, later = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if earlier.astimezone(zone).replace(tzinfo=None) >= local:
        return earlier
    # The time is skipped: the jump lies between the two readings of it. Zones change their offset on whole seconds.
    low, high = 0, round((later - earlier).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        shown = (earlier + middle * _SECOND).astimezone(zone).replace(tzinfo=None)
        low, high = (low, middle) if shown >= local else (middle, high)
    return earlier + high * _SECOND
