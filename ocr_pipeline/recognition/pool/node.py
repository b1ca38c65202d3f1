"""What is known of a server, and how busy that makes it.

Each node is a server as one pool sees it. The pool counts its own pages exactly; what others have there (workers in
other processes, people with curl) it knows from the server's last report, and takes to have stayed the same since.
At the moment of a report the active requests are thus max(own in flight, running + waiting), and between two reports
they follow the pool's own pages instead of standing still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from ocr_pipeline.ports.generation import ServerLoad

ACTIVE_WEIGHT = 0.4
GPU_WEIGHT = 0.6


class Gauge(Enum):
    """By what the utilisation of GPUs is told."""

    MEMORY = auto()
    CACHE = auto()


@dataclass(slots=True, eq=False)
class Node:
    """A server in numbers. Memory is in bytes; `others` are requests there that are not this pool's."""

    id: str
    max_concurrent: int = 32
    healthy: bool = False
    in_flight: int = 0
    others: int = 0
    gpu_count: int = 1
    gpu_memory_used: int = 0
    gpu_memory_total: int = 0
    cache_usage: float | None = None

    @property
    def active(self) -> int:
        """Requests that the server has now, as far as is known."""
        return self.in_flight + self.others

    @property
    def has_room(self) -> bool:
        """Whether it may be given one more page."""
        return self.active < self.max_concurrent

    def report(self, load: ServerLoad) -> None:
        """Take over what the server says of itself."""
        self.others = max(0, load.running + load.waiting - self.in_flight)
        self.gpu_count = load.gpu_count
        self.gpu_memory_used = load.gpu_memory_used
        self.gpu_memory_total = load.gpu_memory_total
        self.cache_usage = load.cache_usage

    def forget_report(self) -> None:
        """The last report is too old to go by."""
        self.others = 0
        self.gpu_memory_used = self.gpu_memory_total = 0
        self.cache_usage = None

    def gpu_utilisation(self, gauge: Gauge) -> float:
        """Share [0, 1] of the GPU in use; 1.0 where the gauge shows nothing, as if it were full."""
        if gauge is Gauge.CACHE:
            return 1.0 if self.cache_usage is None else min(1.0, max(0.0, self.cache_usage))
        if self.gpu_memory_total <= 0:
            return 1.0
        return min(1.0, max(0.0, self.gpu_memory_used / self.gpu_memory_total))

    def load_score(self, gauge: Gauge) -> float:
        """How busy it is; lower is freer. 0.4 * active / max_concurrent + 0.6 * GPU utilisation (requirement)."""
        return ACTIVE_WEIGHT * self.active / self.max_concurrent + GPU_WEIGHT * self.gpu_utilisation(gauge)


def gauge_of(nodes: Iterable[Node]) -> Gauge:
    """The one gauge by which all these servers are compared: GPU memory if it is measured on any of them, else cache.

    A GPU's memory used / total is what the requirement asks for. vLLM takes its share of the memory when it starts
    and keeps it, so that figure hardly moves with load; where nobody measures it, the share of the key-value cache in
    use, which every vLLM reports and which does follow the load, stands in for it. The choice is made for all servers
    together: 0.9 of a memory held against 0.1 of a cache would send every page to the server that is not measured.
    """
    return Gauge.MEMORY if any(node.gpu_memory_total > 0 for node in nodes) else Gauge.CACHE
