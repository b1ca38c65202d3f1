"""The arithmetic of a bucket that is known by when it will be full again.

The generic cell rate algorithm (ITU-T I.371): tokens = (whole - until_full) / cost, so min(B, tokens + r * t) needs no
count that is kept up to date. All times are whole microseconds, so nothing is lost to rounding from call to call.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.ports.rate_limits import Taken

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """`cost` microseconds bring one token; a bucket holds `burst` of them."""

    cost: int
    burst: int

    @classmethod
    def of(cls, per_second: float, burst: int) -> Pace:
        """Raises ValueError for a rate that is not above 0, or a burst below 1."""
        if not per_second > 0 or burst < 1:
            raise ValueError("a bucket gains tokens and holds at least one")
        return cls(max(round(_SECOND / per_second), 1), burst)

    @property
    def whole(self) -> int:
        """In what time an empty bucket becomes full."""
        return self.cost * self.burst

    @property
    def patience(self) -> int:
        """The longest time until full with which there is still a token."""
        return self.cost * (self.burst - 1)

    def bounded(self, until_full: int) -> int:
        """Never longer than `whole`.

        So neither a smaller allowance nor a clock that was set back leaves a client waiting for more than that.
        """
        return min(max(until_full, 0), self.whole)

    def taken(self, allowed: bool, until_full: int) -> Taken:
        """What is said to the client, from the time until full after the verdict."""
        return Taken(
            allowed=allowed,
            remaining=(self.whole - until_full) // self.cost,
            retry_after=max(until_full - self.patience, 0) / _SECOND,
            reset_after=until_full / _SECOND,
        )
