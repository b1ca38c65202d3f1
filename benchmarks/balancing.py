"""How long pages take under each way of balancing, in a simulated fleet with the real strategies and scores.

    python benchmarks/balancing.py --seeds 5 --pages 6000

Time is virtual, so the figures do not depend on the machine. A server shares its GPU among at most 32 pages and lets
the rest wait: with k pages each is written at speed * TOKENS_A_SECOND / (1 + slowdown * (k - 1)). Several workers send
pages, each with its own view: it knows its own pages at once, and those of the others from a report that is up to a
poll interval old. Utilisation is the work that arrives over the most the fleet can do with every server full.

Two kinds of round robin are compared with: `plain` is the requirement's, and any proxy's, which gives every server its
turn however full it is; `round_robin` is the pool's, which passes over servers that have no room.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

from ocr_pipeline.ports.generation import ServerLoad
from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.node import Node
from ocr_pipeline.recognition.pool.strategies import Balancing, Strategy, strategy

AFFINITY = "affinity"
PLAIN = "plain"
METHODS = (PLAIN, Balancing.ROUND_ROBIN, Balancing.WEIGHTED_RANDOM, Balancing.LEAST_LOAD, AFFINITY)

TOKENS_A_SECOND = 90.0
# A step over k pages takes a little longer than over one (about 2 % a page), and each page is held up while images of
# the others are taken in: 0.1 s for each, once in some 250 tokens of 1/90 s, which is another 4 % a page.
SLOWDOWN = 0.06
ROOM = 32
IMAGE_TOKENS = 1500
IMAGE_WORK = 10.0  # taking in an image costs its own page as much as writing so many tokens
CACHE_TOKENS = 120_000
WARM_UP = 0.1


@dataclass(frozen=True, slots=True)
class Gpu:
    """A kind of server: how fast it is, against the first, and how many GPUs it has."""

    speed: float
    gpus: int = 1


MIXED = (Gpu(1.0), Gpu(1.0), Gpu(2.0, gpus=2))
EQUAL = (Gpu(1.0), Gpu(1.0), Gpu(1.0))


@dataclass(frozen=True, slots=True)
class Document:
    """A kind of document: its share of all, its pages at least and at most, and the tokens of a page (lognormal)."""

    share: float
    pages: tuple[int, int]
    median_tokens: float
    sigma: float


MIXED_DOCUMENTS = (
    Document(0.80, (1, 2), 150, 0.5),
    Document(0.15, (3, 5), 300, 0.5),
    Document(0.05, (10, 30), 600, 0.6),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """One run: who serves what, how busy, seen how. Times in seconds."""

    method: str
    utilisation: float
    seed: int
    pages: int = 6000
    fleet: tuple[Gpu, ...] = MIXED
    documents: tuple[Document, ...] = MIXED_DOCUMENTS
    workers: int = 4
    poll_interval: float = 1.0
    slowdown: float = SLOWDOWN
    page_gap: float = 0.05


class Events:
    """A clock that jumps from one event to the next."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, moment: float, happens: Callable[[], None]) -> None:
        """Let it happen then."""
        heappush(self._heap, (moment, next(self._numbers), happens))

    def run(self, done: Callable[[], bool]) -> None:
        """Go on until done."""
        while not done():
            self.now, _, happens = heappop(self._heap)
            happens()


@dataclass(slots=True, eq=False)
class Page:
    """What a page asks for; `ended` is called with its last token."""

    session: str
    tokens: float
    ended: Callable[[], None]


class Server:
    """Shares its speed among its pages. `written` counts what each page present all the time would have by now."""

    def __init__(self, events: Events, gpu: Gpu, slowdown: float) -> None:
        self.gpu = gpu
        self._events = events
        self._slowdown = slowdown
        self._waiting: deque[Page] = deque()
        self._written = self._since = 0.0
        self._pages: list[tuple[float, int, float, Page]] = []
        self._numbers = count()
        self._planned = 0

    def take(self, page: Page) -> None:
        self._catch_up()
        if len(self._pages) >= ROOM:
            self._waiting.append(page)
            return
        self._begin(page)
        self._plan()

    def _begin(self, page: Page) -> None:
        end = self._written + IMAGE_WORK + page.tokens
        heappush(self._pages, (end, next(self._numbers), self._written, page))

    def load(self) -> ServerLoad:
        self._catch_up()
        held = sum(IMAGE_TOKENS + self._written - begun for _, _, begun, _ in self._pages)
        usage = min(1.0, held / (CACHE_TOKENS * self.gpu.gpus))
        return ServerLoad(
            running=len(self._pages), waiting=len(self._waiting), cache_usage=usage, gpu_count=self.gpu.gpus
        )

    def _catch_up(self) -> None:
        if self._pages:
            self._written += pace(self.gpu, len(self._pages), self._slowdown) * (self._events.now - self._since)
        self._since = self._events.now

    def _plan(self) -> None:
        self._planned += 1
        if self._pages:
            plan = self._planned
            seconds = (self._pages[0][0] - self._written) / pace(self.gpu, len(self._pages), self._slowdown)
            self._events.at(self._events.now + max(0.0, seconds), lambda: self._end(plan))

    def _end(self, plan: int) -> None:
        if plan == self._planned:  # nobody came or went since
            self._catch_up()
            *_, page = heappop(self._pages)
            if self._waiting:
                self._begin(self._waiting.popleft())
            self._plan()
            page.ended()


@dataclass(slots=True)
class Worker:
    """Sends pages to servers as a pool does, by what it knows of them, and keeps those that find no room waiting."""

    servers: Sequence[Server]
    strategy: Strategy
    affinity: SessionAffinity | None
    nodes: list[Node]
    waiting: deque[Page] = field(default_factory=deque)

    def send(self, page: Page) -> None:
        self.waiting.append(page)
        self.serve()

    def serve(self) -> None:
        while self.waiting and (node := self._choose(self.waiting[0].session)) is not None:
            page = self.waiting.popleft()
            node.in_flight += 1
            finished = page.ended

            def ended(node: Node = node, finished: Callable[[], None] = finished) -> None:
                node.in_flight -= 1
                finished()
                self.serve()

            page.ended = ended
            self.servers[self.nodes.index(node)].take(page)

    def poll(self, number: int) -> None:
        self.nodes[number].report(self.servers[number].load())
        self.serve()

    def _choose(self, session: str) -> Node | None:
        nodes = [node for node in self.nodes if node.has_room]
        node = None if self.affinity is None else self.affinity.choose(nodes, session)
        return node or self.strategy.choose(nodes)


def pace(gpu: Gpu, pages: int, slowdown: float) -> float:
    """Tokens a second that each of so many pages gets."""
    return gpu.speed * TOKENS_A_SECOND / (1 + slowdown * (pages - 1))


def arrivals(settings: Settings, random: Random) -> Iterator[tuple[float, str, float]]:
    """Pages for ever: when, of which document, of how many tokens. Documents come at random, their pages together."""
    kinds = settings.documents
    work = sum(
        kind.share * sum(kind.pages) / 2 * (IMAGE_WORK + kind.median_tokens * math.exp(kind.sigma**2 / 2))
        for kind in kinds
    )
    most = sum(pace(gpu, ROOM, settings.slowdown) * ROOM for gpu in settings.fleet)
    pending: list[tuple[float, str, float]] = []
    moment = 0.0
    for number in count():
        moment += random.expovariate(settings.utilisation * most / work)
        while pending and pending[0][0] <= moment:
            yield heappop(pending)
        (kind,) = random.choices(kinds, [kind.share for kind in kinds])
        for page in range(random.randint(*kind.pages)):
            tokens = random.lognormvariate(math.log(kind.median_tokens), kind.sigma)
            heappush(pending, (moment + page * settings.page_gap, f"document {number}", tokens))


def simulate(settings: Settings) -> list[float]:
    """Seconds from arrival to the last token of the first `pages` pages, without those of the warm-up.

    The pages are the same for every method, and so are the workers they come to and the moments of polls.
    """
    events = Events()
    servers = [Server(events, gpu, settings.slowdown) for gpu in settings.fleet]
    workers = [_worker(settings, servers, number) for number in range(settings.workers)]
    _poll_for_ever(events, workers, settings)
    pages = arrivals(settings, dice(settings.seed, "pages"))
    chooser = dice(settings.seed, "workers")
    took: dict[int, float] = {}

    def expect(number: int) -> None:
        moment, session, tokens = next(pages)

        def end() -> None:
            if number < settings.pages:
                took[number] = events.now - moment

        def arrive() -> None:
            chooser.choice(workers).send(Page(session, tokens, end))
            expect(number + 1)

        events.at(moment, arrive)

    expect(0)
    events.run(lambda: len(took) >= settings.pages)
    return [took[number] for number in range(int(WARM_UP * settings.pages), settings.pages)]


def dice(seed: int, what: object) -> Random:
    """Chances that are the same in every run, and others for every purpose."""
    return Random(f"{seed} {what}")  # noqa: S311 - no secret is drawn


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _worker(settings: Settings, servers: Sequence[Server], number: int) -> Worker:
    balancing = {AFFINITY: Balancing.LEAST_LOAD, PLAIN: Balancing.ROUND_ROBIN}.get(settings.method, settings.method)
    room = sys.maxsize if settings.method == PLAIN else ROOM
    nodes = [Node(f"server {place}", room, healthy=True) for place in range(len(servers))]
    affinity = SessionAffinity() if settings.method == AFFINITY else None
    return Worker(servers, strategy(Balancing(balancing), dice(settings.seed, number)), affinity, nodes)


def _poll_for_ever(events: Events, workers: Sequence[Worker], settings: Settings) -> None:
    def poll(worker: Worker, place: int) -> None:
        worker.poll(place)
        events.at(events.now + settings.poll_interval, partial(poll, worker, place))

    random = dice(settings.seed, "polls")
    for worker in workers:
        for place in range(len(settings.fleet)):
            events.at(random.random() * settings.poll_interval, partial(poll, worker, place))


def compare(base: Settings, seeds: int) -> None:
    """Print quantiles for each method, as mean and standard deviation over seeds, and p95 against both round robins."""
    runs = {method: [simulate(replace(base, method=method, seed=seed)) for seed in range(seeds)] for method in METHODS}
    tails = {method: [quantile(run, 0.95) for run in runs[method]] for method in METHODS}
    for method in METHODS:
        cells = [_mean_and_deviation([quantile(run, share) for run in runs[method]]) for share in (0.50, 0.95, 0.99)]
        ratios = [_ratios(tails[method], tails[other]) for other in (PLAIN, Balancing.ROUND_ROBIN)]
        print(f"{base.utilisation:5.2f}  {method:16}", *cells, *ratios, sep="  ")


def _mean_and_deviation(values: Sequence[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):6.1f} ±{spread:5.1f}"


def _ratios(values: Sequence[float], others: Sequence[float]) -> str:
    ratios = [value / other for value, other in zip(values, others, strict=True)]
    return f"{statistics.fmean(ratios):5.2f} ({min(ratios):.2f}..{max(ratios):.2f})"


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pages", type=int, default=6000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--slowdown", type=float, default=SLOWDOWN, help="of each page by each other, as a share")
    parser.add_argument("--poll-interval", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--utilisation", type=float, nargs="+", default=[0.3, 0.5, 0.7, 0.85])
    arguments = parser.parse_args()
    for name, fleet in (("GPUs of speed 1, 1, 2", MIXED), ("GPUs of speed 1, 1, 1", EQUAL)):
        print(f"{name}, {arguments.seeds} seeds of {arguments.pages} pages; seconds, mean ± deviation over seeds")
        heads = ("method".ljust(16), "p50".rjust(13), "p95".rjust(13), "p99".rjust(13))
        print("util.", *heads, "p95 / plain".rjust(18), "p95 / round_robin".rjust(18), sep="  ")
        for utilisation in arguments.utilisation:
            base = Settings(
                Balancing.LEAST_LOAD,
                utilisation,
                seed=0,
                pages=arguments.pages,
                fleet=fleet,
                workers=arguments.workers,
                poll_interval=arguments.poll_interval,
                slowdown=arguments.slowdown,
            )
            compare(base, arguments.seeds)


if __name__ == "__main__":
    main()
