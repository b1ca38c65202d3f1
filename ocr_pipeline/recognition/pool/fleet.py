"""All servers of a pool at a moment: who is there, who is ready, who takes a page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum, auto

from ocr_pipeline.recognition.pool.clock import Now
from ocr_pipeline.recognition.pool.member import Member
from ocr_pipeline.recognition.pool.node import gauge_of
from ocr_pipeline.recognition.pool.observer import ServerSnapshot
from ocr_pipeline.recognition.pool.outliers import Outliers


class Readiness(Enum):
    """What can be hoped for from the servers together: nothing, nothing until some have rested, or a place in time."""

    NONE_READY = auto()
    ALL_REST = auto()
    SERVING = auto()


@dataclass(slots=True)
class Fleet:
    """The servers by name."""

    outliers: Outliers
    now: Now
    members: dict[str, Member] = field(default_factory=dict)

    def ready(self) -> list[Member]:
        """Those that are healthy and stay."""
        return [member for member in self.members.values() if member.is_ready]

    def readiness(self) -> Readiness:
        """Whether waiting makes sense."""
        ready = self.ready()
        if not ready:
            return Readiness.NONE_READY
        return Readiness.ALL_REST if all(member.is_resting for member in ready) else Readiness.SERVING

    def open(self) -> list[Member]:
        """Those that take a page now. Ejected ones count only when there is no other that could."""
        awake = [member for member in self.ready() if not member.is_resting]
        kept = [member for member in awake if not self.outliers.is_ejected(member.id)]
        return [member for member in kept or awake if member.is_open]

    def shortest_rest(self) -> float:
        """Seconds until the first ready server has rested."""
        return max(0.0, min((member.resting_until for member in self.ready()), default=0.0) - self.now())

    def next_change(self) -> float:
        """When a rest or an ejection ends next, without anything else happening; infinity for never."""
        moments = [
            moment
            for member in self.ready()
            for moment in (member.resting_until, self.outliers.ejected_until(member.id))
            if moment > self.now()
        ]
        return min(moments, default=math.inf)

    def snapshots(self) -> tuple[ServerSnapshot, ...]:
        """Every server, in order of names."""
        gauge = gauge_of(member.node for member in self.members.values())
        return tuple(
            ServerSnapshot(
                member.id,
                member.state,
                member.breaker.state,
                member.node.in_flight,
                member.node.active,
                member.node.gpu_utilisation(gauge),
                member.node.load_score(gauge),
                self.outliers.is_ejected(member.id),
                member.is_resting,
            )
            for _, member in sorted(self.members.items())
        )
