"""How many model servers a load needs, in closed form."""

from __future__ import annotations

import math

_ROUNDING = 1e-9


def instances_needed(rate: float, service_time: float, concurrency: int) -> int:
    """Instances that a load keeps busy: N = ceil(lambda t / C), at least one.

    `rate` in pages a second, `service_time` in seconds a page, `concurrency` in pages that an instance has in hand at
    once. By Little's law lambda t pages are in service at any moment. Raises ValueError for figures out of range.
    """
    if rate < 0 or service_time <= 0 or concurrency < 1:
        raise ValueError("a rate is not negative, a service time is positive, and an instance takes one page or more")
    return max(math.ceil(rate * service_time / concurrency - _ROUNDING), 1)


def busy_share(rate: float, service_time: float, slots: int) -> float:
    """The share of `slots` that a load keeps busy; from 1 on it cannot be borne."""
    return rate * service_time / slots


def horizontal_throughput(instances: int, single: float) -> float:
    """Pages a second of so many instances, each of which does `single`."""
    return instances * single


def vertical_throughput(single: float, resources_before: float, resources_after: float) -> float:
    """Pages a second of one instance on larger hardware, in proportion to its resources."""
    return single * resources_after / resources_before
