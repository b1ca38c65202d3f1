"""Words that two readings share beyond doubt: what stands once in each, and the equal words beside it.

Nothing here depends on the order of lines or columns: each stretch of equal words is found wherever it stands. Work is
linear in the number of words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

from ocr_pipeline.domain.fields import is_result_unit, is_unit

NOBODY = -1
_LONGEST_STRAY = 3
_LONGEST_COMMON = 2


class Links:
    """Who is linked with whom: `forth` from words of the first reading to words of the second, `back` the other way.

    `exchanged` are words of the first reading that changed places with one another, and so have no partner.
    """

    def __init__(self, first: Sequence[str], second: Sequence[str]) -> None:
        self.first, self.second = first, second
        self.forth = [NOBODY] * len(first)
        self.back = [NOBODY] * len(second)
        self.exchanged: frozenset[int] = frozenset()

    def link(self, one: int, other: int) -> bool:
        """Link two words; False where one is taken."""
        if self.forth[one] != NOBODY or self.back[other] != NOBODY:
            return False
        self.forth[one], self.back[other] = other, one
        return True

    def unlink(self, one: int) -> None:
        """Free a word and its partner."""
        self.back[self.forth[one]] = NOBODY
        self.forth[one] = NOBODY

    def extend(self, one: int, other: int) -> None:
        """Link the equal neighbours of a linked pair, to both sides, as far as they go."""
        for step in (1, -1):
            left, right = one + step, other + step
            while 0 <= left < len(self.first) and 0 <= right < len(self.second):
                if self.first[left] != self.second[right] or not self.link(left, right):
                    break
                left, right = left + step, right + step


def anchored(first: Sequence[str], second: Sequence[str]) -> Links:
    """Links between equal words of two readings. A word that stands among the wrong neighbours is left free."""
    links = Links(first, second)
    for size in (3, 2, 1):
        for one, other in _unique_in_both(_grams(first, size), _grams(second, size)):
            if size == 1 and _is_common(first[one]):
                continue
            for step in range(size):
                links.link(one + step, other + step)
            links.extend(one, other)
            links.extend(one + size - 1, other + size - 1)
    _free_strays(links)
    return links


def _is_common(text: str) -> bool:
    """Whether a word is a short number: that it stands once on both pages may be chance."""
    return len(text) <= _LONGEST_COMMON and any(map(str.isdecimal, text))


def _grams(words: Sequence[str], size: int) -> list[Hashable]:
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def _unique_in_both(first: Sequence[Hashable], second: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    counts = Counter(first), Counter(second)
    places = {gram: at for at, gram in enumerate(second)}
    for at, gram in enumerate(first):
        if counts[0][gram] == 1 and counts[1][gram] == 1:
            yield at, places[gram]


def _free_strays(links: Links) -> None:
    """Free short stretches that stand among other neighbours: what stands beside their neighbours' partners is a rival.

    Two laboratory values that changed places are each found, once, in the other's row; they do not agree. Words that
    have no rival after all will find their like again.
    """
    exchanged = {at for run in _exchanged(links) for at in run}
    moved = set(_out_of_place(links.forth, links.back))
    moved.update(links.back[at] for at in _out_of_place(links.back, links.forth))
    links.exchanged = frozenset(exchanged)
    for at in exchanged | moved:
        links.unlink(at)


def _out_of_place(forth: Sequence[int], back: Sequence[int]) -> Iterator[int]:
    """Words whose neighbours stand together elsewhere, with words between them that are at home nowhere else.

    Those words are out of place as well, where they have partners.
    """
    found = [(run, between) for run in _short_runs(forth) if (between := _between_neighbours(forth, run))]
    displaced = {forth[at] for run, _ in found for at in run}
    for run, between in found:
        if all(at in displaced or _is_lonely(back, at) for at in between):
            yield from run
            yield from (back[at] for at in between if back[at] != NOBODY)


def _is_lonely(back: Sequence[int], at: int) -> bool:
    """Whether a word has no partner, or one beside whom none of its own neighbours' partners stands."""
    if back[at] == NOBODY:
        return True
    return not (
        (at > 0 and back[at - 1] != NOBODY and back[at - 1] == back[at] - 1)
        or (at + 1 < len(back) and back[at + 1] != NOBODY and back[at + 1] == back[at] + 1)
    )


def _exchanged(links: Links) -> Iterator[range]:
    """Values of which each stands where a neighbour of the other wants it to stand.

    A value that brought its label along was only read in another order.
    """
    runs = [run for run in _short_runs(links.forth) if all(_is_value(links.first[at]) for at in run)]
    owners = {links.forth[at]: run for run in runs for at in run}
    for run in runs:
        rivals = {owners[home] for home in _homes(links.forth, run) if home in owners} - {run}
        if any(owners.get(home) == run for rival in rivals for home in _homes(links.forth, rival)):
            yield run


def _is_value(text: str) -> bool:
    return any(map(str.isdecimal, text)) or is_unit(text) or is_result_unit(text)


def _short_runs(forth: Sequence[int]) -> Iterator[range]:
    """Short stretches of words whose partners stand in a row as well."""
    start = 0
    for at in range(1, len(forth) + 1):
        goes_on = at < len(forth) and NOBODY not in {forth[at - 1], forth[at]} and forth[at] == forth[at - 1] + 1
        if not goes_on:
            if forth[start] != NOBODY and at - start <= _LONGEST_STRAY:
                yield range(start, at)
            start = at


def _between_neighbours(forth: Sequence[int], run: range) -> range:
    """What the second reading has between the partners of a stretch's neighbours, when its own are not there."""
    if run.start == 0 or run.stop == len(forth):
        return range(0)
    before, after = forth[run.start - 1], forth[run.stop]
    if NOBODY in {before, after} or forth[run.start] in range(before, after):
        return range(0)
    between = range(before + 1, after)
    return between if len(between) < len(run) + _LONGEST_STRAY else range(0)


def _homes(forth: Sequence[int], run: range) -> Iterator[int]:
    """Where a stretch would begin or end if it stood beside its neighbours' partners."""
    if run.start > 0 and forth[run.start - 1] != NOBODY:
        yield forth[run.start - 1] + 1
    if run.stop < len(forth) and forth[run.stop] != NOBODY:
        yield forth[run.stop] - 1
