"""Which pages may be killers: pages that take down whatever server reads them.

When a server falls ill, every page in its hands goes on to another server. Nearly always all of them are innocent: a
machine died, a network broke. Now and then one of them is what killed it, and then it will kill the next server too,
and the one after that, each time with a handful of others. The rule that stops it, and spares the innocent:

1. A page that is in hand when its server falls ill becomes a *suspect*. That costs it nothing; it goes on.
2. A suspect is only handed to a server that has just given a sign of life (a token of any page, or the known picture
   read). So in an outage of everything the pages find the other servers ill *before* they are handed over, nothing is
   held against them, and the caller hears that no server is ready. And it goes to another server than before where
   there is one.
3. When that server too falls ill, having been alive the moment before, it is a second strike; at `silent` strikes the
   page is blamed: EngineError, which counts an attempt, so that after a few attempts it goes to a person.
4. A server that had already written tokens of the page when it fell ill is weaker evidence: images are taken in, and
   memory is claimed, before the first token, and of the pages in hand most are past that. Such strikes blame a page
   only when, with the others, they reach `in_hand`.

A result wipes the slate. Where pages are known by an opaque name that stays the same over attempts, strikes are
remembered between them, for a while and for a bounded number of pages; this is what stops a killer where there is one
server alone, which dies once for each attempt.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from ocr_pipeline.recognition.pool.clock import Now


@dataclass(frozen=True, slots=True)
class SuspicionRules:
    """Strikes that blame a page: `silent` before its first token, `in_hand` of any kind.

    A sign of life is fresh for `fresh` seconds. Strikes are remembered for `memory` seconds, for at most `pages` pages.
    """

    silent: int = 2
    in_hand: int = 3
    fresh: float = 1.0
    memory: float = 900.0
    pages: int = 1024


@dataclass(slots=True, eq=False)
class Suspicion:
    """What is held against one page since it was last read through."""

    silent: int = 0
    in_hand: int = 0
    last: float = -math.inf

    @property
    def is_suspect(self) -> bool:
        """Whether it was in hand when a server fell ill."""
        return self.in_hand > 0


class Suspects:
    """Keeps and judges suspicions."""

    def __init__(self, rules: SuspicionRules, now: Now) -> None:
        self._rules = rules
        self._now = now
        self._remembered: OrderedDict[str, Suspicion] = OrderedDict()

    def of(self, page: str | None) -> Suspicion:
        """What is held against the page of this name; a clean slate when nothing is, or it has no name."""
        known = None if page is None else self._remembered.get(page)
        if known is None or known.last + self._rules.memory < self._now():
            return Suspicion()
        return known

    def strike(self, page: str | None, suspicion: Suspicion, *, wrote: bool) -> bool:
        """A live server fell ill with this page in hand; `wrote` tells of tokens before. True: the page is blamed."""
        suspicion.silent += not wrote
        suspicion.in_hand += 1
        suspicion.last = self._now()
        if page is not None:
            self._remembered[page] = suspicion
            self._remembered.move_to_end(page)
            while len(self._remembered) > self._rules.pages:
                self._remembered.popitem(last=False)
        return suspicion.silent >= self._rules.silent or suspicion.in_hand >= self._rules.in_hand

    def acquit(self, page: str | None) -> None:
        """The page was read through: nothing is held against it."""
        if page is not None:
            self._remembered.pop(page, None)

    def may_go_to(self, suspicion: Suspicion, last_sign: float) -> bool:
        """Whether the page may be handed to a server that gave its last sign of life then."""
        if not suspicion.is_suspect:
            return True
        return last_sign > suspicion.last and last_sign >= self._now() - self._rules.fresh
