"""Which of the servers that may take a page gets it.

A strategy is given servers that are healthy and have room, and picks one. It keeps no list of servers: they come and
go between two calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import Protocol, assert_never

from ocr_pipeline.recognition.pool.node import Node, gauge_of

MANY_SERVERS = 16


class Balancing(StrEnum):
    """Names of the strategies, as settings say them."""

    LEAST_LOAD = "least_load"
    ROUND_ROBIN = "round_robin"
    WEIGHTED_RANDOM = "weighted_random"


class Strategy(Protocol):
    """Picks a server."""

    def choose(self, nodes: Sequence[Node]) -> Node | None:
        """One of these, all of which are healthy and have room; None when there are none."""
        ...


class RoundRobin:
    """Each in turn, by the order of their names, whoever is there."""

    def __init__(self) -> None:
        self._last = ""

    def choose(self, nodes: Sequence[Node]) -> Node | None:
        """The next after the one chosen last."""
        if not nodes:
            return None
        later = [node for node in nodes if node.id > self._last]
        chosen = min(later or nodes, key=lambda node: node.id)
        self._last = chosen.id
        return chosen


class LeastLoad:
    """The one with the least load score; equals take turns.

    Among more than `many` servers, the better of two drawn at random: reports are a little old, and several workers
    that all see the same server idle would all run there at once. Two choices avoid that herd and cost almost nothing
    in balance (Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001).
    """

    def __init__(self, random: Random, many: int = MANY_SERVERS) -> None:
        self._random = random
        self._many = many
        self._turns = RoundRobin()

    def choose(self, nodes: Sequence[Node]) -> Node | None:
        """The freest of all, or of two."""
        if not nodes:
            return None
        gauge = gauge_of(nodes)
        compared = nodes if len(nodes) <= self._many else self._random.sample(nodes, 2)
        scores = [node.load_score(gauge) for node in compared]
        least = min(scores)
        return self._turns.choose([node for node, score in zip(compared, scores, strict=True) if score <= least])


class WeightedRandom:
    """Drawn with weight gpu_count * (1 - utilisation); all alike when every weight is 0."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def choose(self, nodes: Sequence[Node]) -> Node | None:
        """One of them by lot."""
        if not nodes:
            return None
        gauge = gauge_of(nodes)
        weights = [node.gpu_count * (1.0 - node.gpu_utilisation(gauge)) for node in nodes]
        return self._random.choices(nodes, weights if any(weights) else None)[0]


def strategy(balancing: Balancing, random: Random) -> Strategy:
    """The strategy of this name."""
    match balancing:
        case Balancing.LEAST_LOAD:
            return LeastLoad(random)
        case Balancing.ROUND_ROBIN:
            return RoundRobin()
        case Balancing.WEIGHTED_RANDOM:
            return WeightedRandom(random)
        case _:
            assert_never(balancing)
