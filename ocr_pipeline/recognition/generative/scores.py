"""From the probabilities of a word's tokens to confidence in the word.

A word is wrong when any piece of it is, so its confidence is the probability of its least likely token:

    confidence(word) = min(ceiling, min over its tokens of exp(logprob))

Mean and normalised product average a doubtful digit away among easy letters (`1OOmg` with three sure tokens and one at
0.3 has a mean of 0.83); of the three, the minimum finds wrong pieces best (Varshney et al. 2023, "A stitch in time
saves nine", arXiv 2307.03987, section 2.1.2). A long run of letters alone is judged by a low quantile instead, each
token weighing as many characters as it writes: one hesitation inside a long word is usual, one at a digit is not.

A model's own probability is no proof: small models stay near 1 on pictures that nobody can read. So the ceiling is
below certainty, and only another reader raises a word above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreRules:
    """`ceiling` is the most that probabilities alone are worth, `unscored` what a word without them is given.

    `quantile` is the share of a word's letters that may be less likely than its confidence says.
    """

    ceiling: float = 0.92
    unscored: float = 0.5
    quantile: float = 0.05


@dataclass(frozen=True, slots=True)
class Piece:
    """What one token gives to a word: characters, and the natural logarithm of the token's probability."""

    text: str
    logprob: float | None


def confidence_of(pieces: Sequence[Piece], rules: ScoreRules) -> float | None:
    """Confidence in the word that these pieces write, None where a probability is missing."""
    if not pieces:
        return None
    likely: list[tuple[float, int]] = []
    for piece in pieces:
        if piece.logprob is None or math.isnan(piece.logprob):
            return None
        likely.append((math.exp(min(0.0, piece.logprob)), max(1, len(piece.text))))
    if any(sign.isdecimal() for piece in pieces for sign in piece.text):
        # A unit beside a number, or a letter read for a digit, matters as much as the digit.
        return min(rules.ceiling, min(likely)[0])
    return min(rules.ceiling, _low(likely, rules.quantile))


def _low(weighted: Sequence[tuple[float, int]], share: float) -> float:
    """The lowest value that lies above less than this share of the weight."""
    spare = share * sum(weight for _, weight in weighted)
    reached = 0
    for value, weight in sorted(weighted):
        reached += weight
        if reached > spare:
            return value
    return max(weighted)[0]
