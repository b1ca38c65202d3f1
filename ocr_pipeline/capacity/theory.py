"""Waiting in an M/M/c queue, in closed form: what the simulation is held against.

Sources: A. K. Erlang's C formula by the recursion of his B formula (ITU, Teletraffic Engineering Handbook, 2005,
chapters 7 and 12); the distribution of the time in system from Gross et al., Fundamentals of Queueing Theory, 4th
edition, section 2.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_BISECTIONS = 80


@dataclass(frozen=True, slots=True)
class ErlangQueue:
    """Poisson arrivals at `rate` a second, exponential service of mean `service_time` seconds, `slots` servers.

    Raises ValueError where the load is not below what the slots can do: no such queue has a steady state.
    """

    rate: float
    service_time: float
    slots: int

    def __post_init__(self) -> None:
        if self.slots < 1 or self.rate <= 0 or self.service_time <= 0 or self.offered >= self.slots:
            raise ValueError("the load must be positive and below what the slots can do")

    @property
    def offered(self) -> float:
        """The offered load in erlangs: pages in service at once, on average."""
        return self.rate * self.service_time

    @property
    def waiting_share(self) -> float:
        """The probability that a page has to wait (Erlang C)."""
        blocked = 1.0
        for servers in range(1, self.slots + 1):
            blocked = self.offered * blocked / (servers + self.offered * blocked)
        busy = self.offered / self.slots
        return blocked / (1 - busy * (1 - blocked))

    @property
    def mean_wait(self) -> float:
        """Mean seconds before service, over all pages."""
        return self.waiting_share * self.service_time / (self.slots - self.offered)

    @property
    def mean_response(self) -> float:
        """Mean seconds in the system."""
        return self.mean_wait + self.service_time

    def response_quantile(self, share: float) -> float:
        """The seconds within which that share of pages (0 to 1, exclusive) is done."""
        if not 0 < share < 1:
            raise ValueError("a quantile's share lies between 0 and 1")
        low, high = 0.0, self.service_time
        while self._longer_than(high) > 1 - share:
            high *= 2
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._longer_than(middle) > 1 - share else (low, middle)
        return high

    def _longer_than(self, seconds: float) -> float:
        served = math.exp(-seconds / self.service_time)
        spare = self.slots - 1 - self.offered
        if math.isclose(spare, 0, abs_tol=1e-9):
            return served * (1 + self.waiting_share * seconds / self.service_time)
        return served * (1 + self.waiting_share / spare * (1 - math.exp(-spare * seconds / self.service_time)))
