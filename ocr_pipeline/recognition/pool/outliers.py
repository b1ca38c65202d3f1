"""Servers that work, but far worse than the others: they are set aside for a while.

A probe finds a server that is dead or writes nonsense. It does not find one that fails every third page, or whose
GPU runs at a tenth of its clock. Those show only beside the others: a share of failed pages far above theirs, or far
more seconds for a token. Such a server is ejected, each time for twice as long, and forgiven after a good while.

It is a comparison and may be wrong, so it never empties the fleet: at most half of the servers are ejected at once,
and never the last that is ready. A pool with nobody else left uses an ejected server all the same.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from statistics import median

from ocr_pipeline.recognition.pool.clock import Now
from ocr_pipeline.recognition.pool.observer import OutlierReason


@dataclass(frozen=True, slots=True)
class OutlierRules:
    """When a server is far from the others. Times are in seconds.

    Pages of the last `window` count, at most `most_pages` a server. Failures are judged from `fewest_pages` on: the
    share that failed may lie `failure_margin` above that of all others together. Pace is judged from `fewest_tokens`
    on: seconds a token may be `pace_factor` times the others' median. That factor is wide, because the GPUs of a mixed
    fleet differ by several times, and a slow GPU is no illness.
    """

    window: float = 60.0
    most_pages: int = 256
    fewest_pages: int = 8
    failure_margin: float = 0.3
    fewest_tokens: int = 500
    pace_factor: float = 8.0
    first_ejection: float = 10.0
    longest_ejection: float = 300.0
    forgiven_after: float = 600.0


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """How a page ended on a healthy server: whether it failed, and the seconds from its first to its last token.

    `tokens` counts those after the first, so that seconds / tokens is the pace of writing without the page's image.
    """

    failed: bool
    seconds: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Ejection:
    """A server is set aside for `seconds`."""

    server: str
    reason: OutlierReason
    seconds: float


@dataclass(slots=True, eq=False)
class _Record:
    """What is remembered of a server. The sums go along with the pages, as every page that ends is judged by them."""

    pages: deque[tuple[float, PageOutcome]] = field(default_factory=deque)
    failed: int = 0
    seconds: float = 0.0
    tokens: int = 0
    ejections: int = 0
    until: float = -math.inf

    @property
    def pace(self) -> float:
        return self.seconds / self.tokens

    def add(self, moment: float, outcome: PageOutcome) -> None:
        self.pages.append((moment, outcome))
        self.failed += outcome.failed
        self.seconds += outcome.seconds
        self.tokens += outcome.tokens

    def drop(self, most: int, before: float) -> None:
        """Forget pages beyond so many, and those that ended before."""
        while self.pages and (len(self.pages) > most or self.pages[0][0] < before):
            _, outcome = self.pages.popleft()
            self.failed -= outcome.failed
            self.seconds -= outcome.seconds
            self.tokens -= outcome.tokens


@dataclass(slots=True)
class Outliers:
    """Remembers how pages ended, and says who is to be set aside."""

    rules: OutlierRules
    now: Now
    _records: dict[str, _Record] = field(default_factory=dict)

    def record(self, server: str, outcome: PageOutcome) -> None:
        """A page ended."""
        self._records.setdefault(server, _Record()).add(self.now(), outcome)

    def forget(self, server: str) -> None:
        """The server left, or was ill: what it did before says nothing of what comes. Its ejections stay."""
        if server in self._records:
            self._records[server].drop(0, math.inf)

    def remove(self, server: str) -> None:
        """The server is gone for good."""
        self._records.pop(server, None)

    def is_ejected(self, server: str) -> bool:
        """Whether it is set aside now."""
        return self.ejected_until(server) > self.now()

    def ejected_until(self, server: str) -> float:
        """When its last ejection ends or ended."""
        record = self._records.get(server)
        return -math.inf if record is None else record.until

    def judge(self, servers: Collection[str], ready: Collection[str]) -> Ejection | None:
        """Eject the worst of the `ready` servers, if it is far from the others and enough of all `servers` stay."""
        in_use = [server for server in ready if not self.is_ejected(server)]
        ejected = sum(self.is_ejected(server) for server in servers)
        if ejected + 1 > len(servers) // 2:
            return None
        # With one server in use there is no other to compare it with, so the last is never ejected.
        records = {server: self._recent(server) for server in in_use if server in self._records}
        worst = _worst_by_failures(records, self.rules)
        if worst is not None:
            return self._eject(worst, OutlierReason.FAILURES)
        worst = _worst_by_pace(records, self.rules)
        return None if worst is None else self._eject(worst, OutlierReason.PACE)

    def _eject(self, server: str, reason: OutlierReason) -> Ejection:
        record, rules = self._records[server], self.rules
        if record.until + rules.forgiven_after < self.now():
            record.ejections = 0
        seconds = min(rules.longest_ejection, rules.first_ejection * 2.0 ** min(record.ejections, 60))
        record.ejections += 1
        record.until = self.now() + seconds
        record.drop(0, math.inf)
        return Ejection(server, reason, seconds)

    def _recent(self, server: str) -> _Record:
        record = self._records[server]
        record.drop(self.rules.most_pages, self.now() - self.rules.window)
        return record


def _worst_by_failures(records: dict[str, _Record], rules: OutlierRules) -> str | None:
    known = {server: record for server, record in records.items() if len(record.pages) >= rules.fewest_pages}
    pages, failed = sum(len(each.pages) for each in known.values()), sum(each.failed for each in known.values())
    excess: dict[str, float] = {}
    for server, record in known.items():
        own = len(record.pages)
        if own < pages:
            excess[server] = record.failed / own - (failed - record.failed) / (pages - own)
    worst = max(excess, key=excess.__getitem__, default=None)
    return worst if worst is not None and excess[worst] > rules.failure_margin else None


def _worst_by_pace(records: dict[str, _Record], rules: OutlierRules) -> str | None:
    paces = {server: record.pace for server, record in records.items() if record.tokens >= max(1, rules.fewest_tokens)}
    worst = max(paces, key=paces.__getitem__, default=None)
    others = [pace for server, pace in paces.items() if server != worst]
    return worst if worst is not None and others and paces[worst] > rules.pace_factor * median(others) else None
