"""What only the second reader saw, and is sure of: text that the first reading may lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_pipeline.recognition.agreement.alignment import Alignment
from ocr_pipeline.recognition.agreement.folding import FoldedPage, figures

_FEWEST_SIGNS = 2


@dataclass(frozen=True, slots=True)
class OmissionRules:
    """When missed text is a matter of the whole page.

    Words of the second reading count from the confidence `sure` on. Their letters and digits matter when they make up
    `share` of all such, or `in_a_row` of them stand together, or a number is among them.
    """

    sure: float = 0.8
    share: float = 0.02
    in_a_row: int = 10


@dataclass(frozen=True, slots=True)
class Omissions:
    """`share` [0, 1] of the letters that the second reader is sure of and the first reading lacks.

    `beside` are places of words of the first reading between which, by the second, something is missing.
    """

    share: float
    matters: bool
    beside: frozenset[int]


def omissions(alignment: Alignment, second: FoldedPage, rules: OmissionRules) -> Omissions:
    """Find what the first reading lacks."""
    sizes = [_size(second, at, rules) for at in range(len(second.words))]
    gone = frozenset(at for at in alignment.missed if sizes[at])
    share = sum(sizes[at] for at in gone) / (sum(sizes) or 1)
    longest = longest_stretch([size if at in gone else 0 for at, size in enumerate(sizes)])
    number = any(figures(second.texts[at]) or second.kinds[at] for at in gone)
    return Omissions(
        share, bool(gone) and (number or share >= rules.share or longest >= rules.in_a_row), _beside(alignment, gone)
    )


def _size(page: FoldedPage, at: int, rules: OmissionRules) -> int:
    """Letters and digits of a word that its reader is sure of; 0 for marks, which may be specks, and doubtful words."""
    word = page.words[at]
    signs = sum(map(str.isalnum, word.text))
    return signs if word.confidence >= rules.sure and signs >= _FEWEST_SIGNS else 0


def longest_stretch(sizes: Sequence[int]) -> int:
    """The greatest sum of sizes in a row without a 0 between them."""
    longest = run = 0
    for size in sizes:
        run = run + size if size else 0
        longest = max(longest, run)
    return longest


def _beside(alignment: Alignment, gone: frozenset[int]) -> frozenset[int]:
    """Neighbours in the first reading whose partners stand right before and right after what is missing."""
    partner = {other: one for one, match in enumerate(alignment.matches) for other in match.partners}
    missed = frozenset(alignment.missed)
    found: set[int] = set()
    for at in gone:
        before, after = at - 1, at + 1
        while before in missed:
            before -= 1
        while after in missed:
            after += 1
        left, right = partner.get(before), partner.get(after)
        if left is not None and right is not None and right - left in {0, 1}:
            found.update((left, right))
    return frozenset(found)
