"""How long the pages that wait will take, class by class, and how many instances keep that within each class's bound.

Serving goes by class: the last page that waits now in a class is done once all pages of its class and of higher
classes are, and so are the pages of higher classes that arrive meanwhile. With Q pages waiting in these classes, L
pages a second arriving in higher ones, and n instances of r pages a second:  T = Q / (n r - L).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ocr_pipeline.capacity.autoscaling import Bounds, Decision, Reason
from ocr_pipeline.domain.priorities import Priority

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Backlog:
    """Pages of a class that wait, how many more come a second, and the seconds within which they should be done."""

    priority: Priority
    waiting: float
    arriving: float
    within: float

    def __post_init__(self) -> None:
        if self.waiting < 0 or self.arriving < 0 or self.within <= 0:
            raise ValueError("a backlog is not negative, and its bound is positive")


@dataclass(frozen=True, slots=True)
class DrainRules:
    """`busy` is the share of the instances that arriving pages of a person or a system may keep busy."""

    bounds: Bounds = field(default_factory=Bounds)
    busy: float = 0.85


def drain_seconds(backlogs: Sequence[Backlog], throughput: float) -> dict[Priority, float]:
    """Seconds until the last page that waits now is done, by class, at so many pages a second; infinite for never."""
    drained: dict[Priority, float] = {}
    waiting = higher = 0.0
    for backlog in sorted(backlogs, key=lambda each: each.priority):
        waiting += backlog.waiting
        spare = throughput - higher
        drained[backlog.priority] = 0.0 if not waiting else waiting / spare if spare > 0 else math.inf
        higher += backlog.arriving
    return drained


def wanted_instances(backlogs: Sequence[Backlog], per_instance: float, rules: DrainRules) -> int:
    """The fewest instances (of `per_instance` pages a second) within the bounds that keep every class's bound.

    They also keep up with what arrives for persons and systems; bulk may queue, that is what it is for.
    """
    waiting = higher = 0.0
    throughput = sum(each.arriving for each in backlogs if each.priority is not Priority.BULK) / rules.busy
    for backlog in sorted(backlogs, key=lambda each: each.priority):
        waiting += backlog.waiting
        if waiting:
            throughput = max(throughput, waiting / backlog.within + higher)
        higher += backlog.arriving
    return rules.bounds.keep(math.ceil(throughput / per_instance - _ROUNDING))


def decide(instances: int, wanted: int, since_change: float, rules: DrainRules) -> Decision:
    """Up to what is wanted at once, since somebody waits; down one by one, after the cooldown."""
    bounds = rules.bounds
    wanted = bounds.keep(wanted)
    if wanted >= instances:
        return Decision(wanted, Reason.DRAIN if wanted > instances else Reason.STEADY)
    if instances > bounds.most:
        return Decision(bounds.most, Reason.BOUNDS)
    if since_change < bounds.cooldown_seconds:
        return Decision(instances, Reason.COOLDOWN)
    return Decision(instances - 1, Reason.IDLE)
