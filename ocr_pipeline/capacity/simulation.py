"""A queueing simulation of pages before a pool of model servers, in the order that the pipeline serves them.

Every page takes one slot of the pool; slots go to the highest class that waits, first come first served within a
class, and are not taken from a page that has one. A document is done with its last page. The pool is taken as one:
that is what balancing by least load comes close to.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import simpy

from ocr_pipeline.capacity.load import DocumentProfile, Load
from ocr_pipeline.domain.documents import DocumentKind

Steps = Generator[simpy.Event, object, None]


@dataclass(frozen=True, slots=True)
class Span:
    """What is simulated: so many seconds, of which the first part fills the queue and is not counted."""

    seconds: float = 900.0
    warm_up: float = 100.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Responses:
    """How long documents of one kind took from received to done, in seconds."""

    profile: DocumentProfile
    documents: int
    mean: float
    p50: float
    p95: float
    p99: float

    @property
    def holds(self) -> bool | None:
        """Whether the objective is kept; None where there is none."""
        target = self.profile.target
        if target is None:
            return None
        return self.p50 <= target.p50 and self.p95 <= target.p95 and self.p99 <= target.p99


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a pool of `slots` made of a load; `mean_wait` is a page's time before its slot, in seconds."""

    slots: int
    mean_wait: float
    busy: float
    responses: tuple[Responses, ...]

    @property
    def holds(self) -> bool:
        """Whether every objective is kept."""
        return all(each.holds is not False for each in self.responses)


@dataclass(slots=True)
class _Document:
    profile: DocumentProfile
    arrived: float
    left: int


@dataclass(slots=True)
class _Tally:
    waited: float = 0.0
    served: float = 0.0
    pages: int = 0
    responses: dict[DocumentKind, list[float]] = field(default_factory=dict)


class _Pool:
    """One simulated run."""

    def __init__(self, load: Load, slots: int, span: Span) -> None:
        self._load = load
        self._span = span
        self._random = random.Random(span.seed)  # noqa: S311 - a simulation, to be repeated
        self._env = simpy.Environment()
        self._slots = simpy.PriorityResource(self._env, slots)
        self.tally = _Tally(responses={profile.kind: [] for profile, _ in load.mix.shares})

    def run(self) -> None:
        self._env.process(self._arrivals())
        self._env.run(self._span.warm_up + self._span.seconds)

    def _arrivals(self) -> Steps:
        profiles = [profile for profile, _ in self._load.mix.shares]
        weights = [share for _, share in self._load.mix.shares]
        documents = self._load.rate / self._load.mix.mean_pages
        while True:
            yield self._env.timeout(self._random.expovariate(documents))
            (profile,) = self._random.choices(profiles, weights)
            document = _Document(profile, self._env.now, self._random.randint(*profile.pages))
            for _ in range(document.left):
                self._env.process(self._page(document))

    def _page(self, document: _Document) -> Steps:
        service = self._service_time()
        with self._slots.request(document.profile.priority) as turn:
            yield turn
            started = self._env.now
            yield self._env.timeout(service)
        document.left -= 1
        if document.arrived < self._span.warm_up:
            return
        self.tally.waited += started - document.arrived
        self.tally.served += service
        self.tally.pages += 1
        if not document.left:
            self.tally.responses[document.profile.kind].append(self._env.now - document.arrived)

    def _service_time(self) -> float:
        """Gamma distributed, which is exponential at a variation of 1."""
        mean, variation = self._load.service_time, self._load.variation
        if not variation:
            return mean
        shape = 1 / variation**2
        return self._random.gammavariate(shape, mean / shape)


def simulate(load: Load, slots: int, span: Span | None = None) -> Simulated:
    """What a pool of so many slots makes of a load. Takes about a second for 20,000 pages."""
    span = span or Span()
    pool = _Pool(load, slots, span)
    pool.run()
    tally = pool.tally
    return Simulated(
        slots,
        tally.waited / tally.pages if tally.pages else 0.0,
        tally.served / (slots * span.seconds),
        tuple(_responses(profile, sorted(tally.responses[profile.kind])) for profile, _ in load.mix.shares),
    )


def _responses(profile: DocumentProfile, times: Sequence[float]) -> Responses:
    mean = sum(times) / len(times) if times else 0.0
    return Responses(profile, len(times), mean, *(_quantile(times, share) for share in (0.50, 0.95, 0.99)))


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
