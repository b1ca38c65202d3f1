"""Reading order: from lines found anywhere on a page to blocks in the order a person reads them.

Three rules, applied to a straightened page:

1. Ruled tables are read row by row along their rules, cell by cell within a row (see `tables`).
2. Elsewhere the page is cut at gutters (a recursive XY-cut after Nagy and Seth, 1984). A gutter ends above and below
   at whatever crosses it: a heading, a rule, a table. It parts columns only when both sides look like prose;
   otherwise the gap belongs to a table or form without rules, whose rows stay whole.
3. What is left is read in visual lines, top to bottom, and parted into paragraphs at wide gaps.
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from statistics import median
from typing import TypeAlias

from ocr_pipeline.adapters.engines.cpu.tables import Fragment, Table, find_tables, line_of, rows_of
from ocr_pipeline.domain.text import Block, Box, Line, Word

# Lengths are in heights of a usual line of text, the others are shares.
_CELL_GAP = 1.6
_PARAGRAPH_GAP = 0.9
_OVERHANG = 0.3
_NARROWEST_GUTTER = 0.5
_COLUMN_BREAK = 2.5
_SAME_BASELINE = 0.3

_MOST_LINES = 400
_FEWEST_LINES = 3
_LEVEL = 0.36
_MOST_INSETS = 0.3
_LINES_NEAR_BY = 6
_LINES_FOR_A_STRAY = 6
_FULL = 0.68
_FULL_AND_ALIGNED = 0.75
_FULL_OUT_OF_STEP = 0.5
_IN_STEP, _OUT_OF_STEP = 0.8, 0.4
_PROSE_WORDS = 3
_PROSE_CHARACTERS = 12

Item: TypeAlias = Fragment | Table


def arrange(
    lines: Sequence[Line],
    width: float,
    height: float,
    vertical_rules: Sequence[Box] = (),
    horizontal_rules: Sequence[Box] = (),
) -> tuple[Block, ...]:
    """Put the lines of a straightened page (`width` x `height` pixels) in reading order, as blocks.

    Every word of the input comes out once; the order of the input does not matter. What stands on one visual line, or
    in one row of a table, becomes one line. Lines without a box come last, in the order of their texts.
    """
    fragments = sorted(chain.from_iterable(map(_fragments, lines)), key=_order)
    blocks: list[Block] = []
    if fragments:
        least = max(width, height) / _MOST_LINES
        unit = max(1.0, least, median(fragment.box.height for fragment in fragments))
        tables, free = find_tables(fragments, vertical_rules, horizontal_rules, unit)
        items: list[Item] = [*free, *tables]
        blocks += _Page(unit, tuple(horizontal_rules)).read(sorted(items, key=_order))
    unplaced = [line for line in lines if line.words and line.box is None]
    if unplaced:
        blocks.append(Block(tuple(sorted(unplaced, key=lambda line: (line.text, repr(line))))))
    return tuple(blocks)


class _Levels:
    """Items by height on the page, to ask what stands level with a box."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._boxes = sorted((item.box for item in items), key=_middle)
        self._middles = [_middle(box) for box in self._boxes]
        self._tallest = max(box.height for box in self._boxes)

    def run_past(self, box: Box) -> bool:
        """Whether text stands on both sides, as beside a caption (or a stroke of a picture) between two columns."""
        middle, reach = _middle(box), (self._tallest + box.height) * _LEVEL
        near = self._boxes[bisect_left(self._middles, middle - reach) : bisect(self._middles, middle + reach)]
        level = [other for other in near if abs(_middle(other) - middle) < (other.height + box.height) * _LEVEL]
        return any(other.right <= box.left for other in level) and any(other.left >= box.right for other in level)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Two columns side by side, what stands above and below them, and how far they run side by side (pixels)."""

    above: list[Item]
    left: list[Item]
    right: list[Item]
    below: list[Item]
    run: float
    gutter: float


@dataclass(frozen=True, slots=True)
class _Page:
    """What reading needs to know of the whole page: the height of a line (pixels) and the level rules."""

    unit: float
    across: tuple[Box, ...]

    def read(self, items: list[Item]) -> list[Block]:
        """Blocks in reading order. Both columns of a cut hold something, so this ends."""
        found = self._columns(items)
        if found is None:
            return self._flow(items)
        parts = (found.above, found.left, found.right, found.below)
        return [block for part in parts if part for block in self.read(part)]

    def _columns(self, items: list[Item]) -> _Columns | None:
        """Find the columns that run side by side the longest, if there are any."""
        step = self.unit / 2
        places = {round(place / step) for item in items for place in (item.box.left, _centre(item.box), item.box.right)}
        found = [columns for place in sorted(places) for columns in self._columns_at(place * step, items)]
        return max(found, key=lambda columns: (columns.run, columns.gutter), default=None)

    def _columns_at(self, x: float, items: list[Item]) -> Iterator[_Columns]:
        """Columns that a gutter at `x` parts, between the things that cross it."""
        reach = self.unit * _OVERHANG
        beside = [item for item in items if not _crosses(item.box, x, reach)]
        on_the_left = sum(_centre(item.box) < x for item in beside)
        if min(on_the_left, len(beside) - on_the_left) < _FEWEST_LINES:
            return
        levels = _Levels(beside)
        crossing = [box for box in chain((item.box for item in items), self.across) if _crosses(box, x, reach)]
        barriers = sorted(_middle(box) for box in crossing if not levels.run_past(box))
        spans: dict[int, list[Item]] = {}
        for item in beside:
            spans.setdefault(bisect(barriers, _middle(item.box)), []).append(item)
        borders = [-inf, *barriers, inf]
        for number, span in spans.items():
            if len(span) >= 2 * _FEWEST_LINES:
                yield from self._columns_between(x, items, span, (borders[number], borders[number + 1]))

    def _columns_between(
        self, x: float, items: list[Item], span: list[Item], borders: tuple[float, float]
    ) -> Iterator[_Columns]:
        left = [item for item in span if _centre(item.box) < x]
        right = [item for item in span if _centre(item.box) >= x]
        if min(len(left), len(right)) < _FEWEST_LINES:
            return
        begin = max(min(item.box.top for item in side) for side in (left, right))
        end = min(max(item.box.bottom for item in side) for side in (left, right))
        if begin >= end:
            return
        left, right = (self._joined(side, (begin, end), borders) for side in (left, right))
        if min(len(left), len(right)) < _FEWEST_LINES:
            return
        gutter = min(item.box.left for item in right) - max(item.box.right for item in left)
        if gutter < self.unit * _NARROWEST_GUTTER or not self._are_columns(left, right):
            return
        reach = self.unit * _OVERHANG
        insets = sum(begin < _middle(item.box) < end and _crosses(item.box, x, reach) for item in items)
        if insets > _MOST_INSETS * min(len(left), len(right)):
            return
        kept = {id(item) for item in chain(left, right)}
        above = [item for item in items if id(item) not in kept and _middle(item.box) < begin]
        below = [item for item in items if id(item) not in kept and _middle(item.box) >= begin]
        yield _Columns(above, left, right, below, end - begin, gutter)

    def _joined(self, side: list[Item], run: tuple[float, float], borders: tuple[float, float]) -> list[Item]:
        """One side without what stands alone above or below the run, nearer to the border than to its column."""
        begin, end = run
        kept = [item for item in side if item.box.bottom > begin and item.box.top < end]
        if not kept:
            return []
        top, bottom = min(item.box.top for item in kept), max(item.box.bottom for item in kept)
        for item in sorted(side, key=lambda item: -item.box.bottom):
            gap = top - item.box.bottom
            if item.box.bottom <= begin and gap < min(self.unit * _COLUMN_BREAK, item.box.top - borders[0]):
                kept.append(item)
                top = min(top, item.box.top)
        for item in sorted(side, key=lambda item: item.box.top):
            gap = item.box.top - bottom
            if item.box.top >= end and gap < min(self.unit * _COLUMN_BREAK, borders[1] - item.box.bottom):
                kept.append(item)
                bottom = max(bottom, item.box.bottom)
        chosen = {id(item) for item in kept}
        return [item for item in side if id(item) in chosen]

    def _are_columns(self, left: list[Item], right: list[Item]) -> bool:
        """Whether both sides are prose. Rows in step across the gap speak for a table, so they ask for fuller lines."""
        sides = [rows_of(item for item in side if isinstance(item, Fragment)) for side in (left, right)]
        if min(map(len, sides)) < _FEWEST_LINES:
            return False
        step = self._share_in_step(*sides)
        least = _FULL_AND_ALIGNED if step > _IN_STEP else _FULL_OUT_OF_STEP if step < _OUT_OF_STEP else _FULL
        return all(_fullness(rows) >= least and _is_wordy(rows) for rows in sides)

    def _share_in_step(self, left: list[list[Fragment]], right: list[list[Fragment]]) -> float:
        """Share of the shorter side's lines that stand level with one of the other side."""
        few, many = sorted(([_middle(row[0].box) for row in rows] for rows in (left, right)), key=len)
        reach = self.unit * _SAME_BASELINE
        return sum(any(abs(one - other) <= reach for other in many) for one in few) / len(few)

    def _flow(self, items: list[Item]) -> list[Block]:
        """Visual lines from top to bottom as paragraphs, with tables between them."""
        rows = rows_of(item for item in items if isinstance(item, Fragment))
        boxed: list[tuple[float, float, Line | Table]] = [
            (min(part.box.top for part in row), max(part.box.bottom for part in row), line_of(row)) for row in rows
        ]
        boxed += [(item.box.top, item.box.top, item) for item in items if isinstance(item, Table)]
        blocks: list[Block] = []
        paragraph: list[Line] = []
        reached = -inf
        for top, bottom, content in sorted(boxed, key=lambda entry: entry[0] + entry[1]):
            if paragraph and (isinstance(content, Table) or top - reached > self.unit * _PARAGRAPH_GAP):
                blocks.append(Block(tuple(paragraph)))
                paragraph = []
            if isinstance(content, Table):
                blocks.append(Block(content.rows, "table"))
            else:
                paragraph.append(content)
            reached = bottom
        return [*blocks, Block(tuple(paragraph))] if paragraph else blocks


def _fragments(line: Line) -> Iterator[Fragment]:
    """The parts of a line between gaps too wide for a space; words without a box stay with the word before them."""
    whole = line.box
    if whole is None:
        return
    words: list[Word] = []
    box: Box | None = None
    for word in line.words:
        if word.box and box and word.box.left - box.right > whole.height * _CELL_GAP:
            yield Fragment(tuple(words), box)
            words, box = [], None
        words.append(word)
        box = Box.around(part for part in (box, word.box) if part)
    yield Fragment(tuple(words), box or whole)


def _fullness(rows: list[list[Fragment]]) -> float:
    """Usual share of a column's width that its lines cover with text, gaps within a line left out.

    The width is that of the lines near by, because a column may run narrower beside a picture. The widest few of them
    do not count: a speck of the picture may be taken for their end.
    """
    shares = []
    for at, row in enumerate(rows):
        near = rows[max(0, at - _LINES_NEAR_BY) : at + _LINES_NEAR_BY + 1]
        stray = len(near) // _LINES_FOR_A_STRAY
        right = sorted(other[-1].box.right for other in near)[-1 - stray]
        left = sorted(other[0].box.left for other in near)[stray]
        shares.append(sum(part.box.width for part in row) / (right - left) if right > left else 0.0)
    return median(shares)


def _is_wordy(rows: list[list[Fragment]]) -> bool:
    words = median(sum(len(part.words) for part in row) for row in rows)
    characters = median(sum(len(word.text) for part in row for word in part.words) for row in rows)
    return words >= _PROSE_WORDS or characters >= _PROSE_CHARACTERS


def _crosses(box: Box, x: float, reach: float) -> bool:
    return box.left < x - reach and box.right > x + reach


def _middle(box: Box) -> float:
    return (box.top + box.bottom) / 2


def _centre(box: Box) -> float:
    return (box.left + box.right) / 2


def _order(item: Item) -> tuple[float, float, float, float, str]:
    """By place; things in one place by all they hold, so that the order in which they were found never shows."""
    return item.box.top, item.box.left, item.box.bottom, item.box.right, repr(item)
