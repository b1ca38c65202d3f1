"""When to start and stop model servers, by utilisation and queue length: the requirement's policy, as a function.

GPU utilisation says little about vLLM, which takes what memory it is given and batches what it gets. `drain` has the
better signal; this policy is the guard that is understood everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why a policy wants what it wants."""

    BUSY = "busy"
    QUEUE = "queue"
    IDLE = "idle"
    STEADY = "steady"
    COOLDOWN = "cooldown"
    BOUNDS = "bounds"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Decision:
    """So many instances, and why."""

    instances: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Bounds:
    """The fewest and the most instances, and the seconds between two changes."""

    fewest: int = 2
    most: int = 20
    cooldown_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not 0 < self.fewest <= self.most or self.cooldown_seconds < 0:
            raise ValueError("bounds need 0 < fewest <= most and a cooldown that is not negative")

    def keep(self, instances: int) -> int:
        """The nearest number within the bounds."""
        return min(max(instances, self.fewest), self.most)


@dataclass(frozen=True, slots=True)
class ThresholdRules:
    """Above and below what to scale, and by how many."""

    bounds: Bounds = field(default_factory=Bounds)
    up_utilisation: float = 0.75
    up_queue: int = 50
    down_utilisation: float = 0.30
    step_up: int = 2
    step_down: int = 1


@dataclass(frozen=True, slots=True)
class Signals:
    """What is seen: mean GPU utilisation (0 to 1; None where nobody knows), and pages that wait."""

    utilisation: float | None
    queue_length: int


def decide(instances: int, signals: Signals, since_change: float, rules: ThresholdRules) -> Decision:
    """How many instances to run, given how many there are and the seconds since that last changed.

    Scales up when busy or when pages wait, down only when idle with nothing waiting, and never within the cooldown.
    Only a number outside the bounds is put right at once. What is not known is no reason to scale down.
    """
    bounds = rules.bounds
    if bounds.keep(instances) != instances:
        return Decision(bounds.keep(instances), Reason.BOUNDS)
    wanted, reason = _wanted(instances, signals, rules)
    wanted = bounds.keep(wanted)
    if wanted == instances:
        return Decision(instances, Reason.BOUNDS if reason is not Reason.STEADY else Reason.STEADY)
    if since_change < bounds.cooldown_seconds:
        return Decision(instances, Reason.COOLDOWN)
    return Decision(wanted, reason)


def _wanted(instances: int, signals: Signals, rules: ThresholdRules) -> tuple[int, Reason]:
    if signals.utilisation is not None and signals.utilisation > rules.up_utilisation:
        return instances + rules.step_up, Reason.BUSY
    if signals.queue_length > rules.up_queue:
        return instances + rules.step_up, Reason.QUEUE
    idle = signals.utilisation is not None and signals.utilisation < rules.down_utilisation
    if idle and signals.queue_length == 0:
        return instances - rules.step_down, Reason.IDLE
    return instances, Reason.STEADY
