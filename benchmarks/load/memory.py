"""Resident memory of processes over time, and whether it grows."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

MEBIBYTE = 1 << 20
WARM = 0.25
"""The share of a run after which everything is loaded, pools are full and caches have their size."""

ALLOWED_SHARE = 0.15
ALLOWED_MEBIBYTES = 6.0
"""What a process may have more at the end than when it was warm: whichever is larger. Allocators breathe."""


@dataclass(frozen=True, slots=True)
class Growth:
    """One process, in MiB: when it was warm, at the end, and by least squares over the second half, a minute."""

    warm: float
    end: float
    slope: float
    minutes: float

    @property
    def allowed(self) -> float:
        """MiB it may gain."""
        return max(ALLOWED_MEBIBYTES, ALLOWED_SHARE * self.warm)

    @property
    def flat(self) -> bool:
        """Whether neither the end nor the trend of the second half leaves the allowance."""
        return self.end - self.warm <= self.allowed and self.slope * self.minutes / 2 <= self.allowed


@dataclass(slots=True)
class Samples:
    """Resident sizes of one process: seconds since the start, and MiB."""

    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)

    def add(self, seconds: float, size: int) -> None:
        """One more look; `size` is in bytes."""
        self.seconds.append(seconds)
        self.mebibytes.append(size / MEBIBYTE)

    def growth(self) -> Growth:
        """Judge what was seen. Raises statistics.StatisticsError for fewer than two looks."""
        span = self.seconds[-1]
        warm = self._median(WARM * span, (WARM + 0.1) * span)
        half = [index for index, at in enumerate(self.seconds) if at >= span / 2]
        line = statistics.linear_regression(
            [self.seconds[index] / 60 for index in half], [self.mebibytes[index] for index in half]
        )
        return Growth(warm, self._median(0.9 * span, span), line.slope, span / 60)

    def _median(self, first: float, last: float) -> float:
        return statistics.median(
            size for at, size in zip(self.seconds, self.mebibytes, strict=True) if first <= at <= last
        )
