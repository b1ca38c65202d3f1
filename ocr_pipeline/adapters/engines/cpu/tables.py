"""Ruled tables: which fragments of text stand in one, and its rows.

A table is a net of rules that touch, or a stack of level rules of one length. It is cut along the rules that run right
across it, then each band along the rules that run all the way down it (or, where there are none, at the gaps), and so
on: an XY-cut on rules, where rows come before columns.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf

from ocr_pipeline.domain.text import Box, Line, Word

# Lengths are in heights of a usual line of text, the others are shares.
_TOUCH = 0.4
_SAME_RULE = 0.4
_RUNS_ACROSS = 0.75
_FEWEST_RULES = 3
_TALLEST_ROW = 5.0
_COLUMN_GAP = 0.5
_SAME_ROW = 0.5
_SIDE_BY_SIDE = 0.3
_ROWS_LOOKED_BACK = 12
_FULL_LINE = 0.7


@dataclass(frozen=True, slots=True)
class Fragment:
    """Words that stand close together on one visual line, and the box around them."""

    words: tuple[Word, ...]
    box: Box


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one table, each as one line, and the box around its rules."""

    rows: tuple[Line, ...]
    box: Box


@dataclass(frozen=True, slots=True)
class _Net:
    down: tuple[Box, ...]
    across: tuple[Box, ...]
    box: Box


def find_tables(
    fragments: Sequence[Fragment], down: Sequence[Box], across: Sequence[Box], unit: float
) -> tuple[list[Table], list[Fragment]]:
    """Part the fragments that stand in ruled tables from those that do not. `unit` is the height of a line, pixels."""
    tables: list[Table] = []
    free = list(fragments)
    for net in sorted(_nets(down, across, unit), key=lambda net: (net.box.width * net.box.height, _sides(net.box))):
        inside = [fragment for fragment in free if _holds(net.box, fragment.box)]
        if inside:
            free = [fragment for fragment in free if not _holds(net.box, fragment.box)]
            rows = _read(inside, net.box, net, unit)
            tables.append(Table(tuple(line_of(row) for row in rows), net.box))
    return tables, free


def rows_of(fragments: Iterable[Fragment]) -> list[list[Fragment]]:
    """Group fragments into visual lines, top to bottom, each from left to right.

    A fragment joins a line by its nearest neighbour there, so that a line may rise or fall a little across the page.
    Fragments in one place keep the order given.
    """
    rows: list[list[Fragment]] = []
    for fragment in sorted(fragments, key=lambda fragment: (_middle(fragment.box), *_sides(fragment.box))):
        recent = rows[-_ROWS_LOOKED_BACK:]
        shares = [_share_of_height(row, fragment) for row in recent]
        best = max(shares, default=0.0)
        if best >= _SAME_ROW:
            recent[shares.index(best)].append(fragment)
        else:
            rows.append([fragment])
    for row in rows:
        row.sort(key=lambda fragment: _sides(fragment.box))
    return sorted(rows, key=lambda row: (sum(_middle(fragment.box) for fragment in row) / len(row), _sides(row[0].box)))


def line_of(fragments: Iterable[Fragment]) -> Line:
    """Join the words of the fragments, in the order given."""
    return Line(tuple(chain.from_iterable(fragment.words for fragment in fragments)))


def _nets(down: Sequence[Box], across: Sequence[Box], unit: float) -> list[_Net]:
    """Rules that touch one another, where there are enough of them to part cells and not only to frame a text."""
    groups: list[tuple[list[Box], list[Box]]] = []
    for rule, is_down in [*((rule, True) for rule in down), *((rule, False) for rule in across)]:
        mine: tuple[list[Box], list[Box]] = ([rule], []) if is_down else ([], [rule])
        apart = []
        for group in groups:
            if any(_touch(rule, other, unit * _TOUCH) for other in chain(*group)):
                mine[0].extend(group[0])
                mine[1].extend(group[1])
            else:
                apart.append(group)
        groups = [*apart, mine]
    nets = [_net(downs, acrosses) for downs, acrosses in groups if downs and acrosses]
    nets += [_net([], stack) for stack in _stacks([_around(acrosses) for downs, acrosses in groups if not downs], unit)]
    return [net for net in nets if max(len(net.down), len(net.across)) >= _FEWEST_RULES]


def _stacks(rules: list[Box], unit: float) -> list[list[Box]]:
    """Level rules that begin and end alike, one not far below the other."""
    stacks: list[list[Box]] = []
    for rule in sorted(rules, key=lambda rule: (rule.top, _sides(rule))):
        for stack in stacks:
            last = stack[-1]
            alike = max(abs(rule.left - last.left), abs(rule.right - last.right)) <= unit
            if alike and rule.top - last.bottom <= unit * _TALLEST_ROW:
                stack.append(rule)
                break
        else:
            stacks.append([rule])
    return stacks


def _net(down: list[Box], across: list[Box]) -> _Net:
    return _Net(tuple(down), tuple(across), _around([*down, *across]))


def _around(boxes: list[Box]) -> Box:
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _read(fragments: list[Fragment], region: Box, net: _Net, unit: float) -> list[list[Fragment]]:
    """The rows of a region of a table. Each cut makes regions smaller, so this ends."""
    edges = _cuts(net.across, region, unit, level=True)
    if edges:
        middles = [_middle(fragment.box) for fragment in fragments]
        bands = _parted(fragments, middles, edges)
        borders = [region.top, *edges, region.bottom]
        return [
            row
            for band, top, bottom in zip(bands, borders[:-1], borders[1:], strict=True)
            if band
            for row in _read(band, Box(region.left, top, region.right, bottom), net, unit)
        ]
    return _read_band(fragments, region, net, unit)


def _read_band(fragments: list[Fragment], region: Box, net: _Net, unit: float) -> list[list[Fragment]]:
    """One band between level rules: one row, unless some of its cells are ruled again or hold lists side by side."""
    edges = _cuts(net.down, region, unit, level=False) if net.down else _gaps(fragments, unit)
    if not edges:
        return rows_of(fragments)
    centres = [(fragment.box.left + fragment.box.right) / 2 for fragment in fragments]
    borders = [region.left, *edges, region.right]
    cells = []
    for cell, left, right in zip(_parted(fragments, centres, edges), borders[:-1], borders[1:], strict=True):
        inner = Box(left, region.top, right, region.bottom)
        if _cuts(net.across, inner, unit, level=True):
            return rows_of(fragments)
        if cell:
            # Without rules between them, cells are as wide as what they hold.
            cells.append((rows_of(cell), inner if net.down else _around([fragment.box for fragment in cell])))
    if sum(_is_list(rows, inner) for rows, inner in cells) > 1:
        return rows_of(fragments)
    return [[fragment for rows, _ in cells for row in rows for fragment in row]]


def _gaps(fragments: list[Fragment], unit: float) -> list[float]:
    """Where nothing stands from top to bottom: the middles of the gaps between columns."""
    gaps = []
    reached = inf
    for box in sorted((fragment.box for fragment in fragments), key=lambda box: box.left):
        if box.left - reached > unit * _COLUMN_GAP:
            gaps.append((reached + box.left) / 2)
        reached = max(reached, box.right) if reached < inf else box.right
    return gaps


def _is_list(rows: list[list[Fragment]], cell: Box) -> bool:
    """Whether lines in a cell end before the cell does: they are entries of their own, not one text that wraps."""
    return any(row[-1].box.right - row[0].box.left < _FULL_LINE * cell.width for row in rows[:-1])


def _cuts(rules: Sequence[Box], region: Box, unit: float, *, level: bool) -> list[float]:
    """Where rules run right across the inside of the region: heights for level rules, else distances from the left."""
    spans = []
    for rule in rules:
        at, start, stop = (
            (_middle(rule), rule.left, rule.right) if level else ((rule.left + rule.right) / 2, rule.top, rule.bottom)
        )
        spans.append((at, start, stop))
    first, last = (region.top, region.bottom) if level else (region.left, region.right)
    begin, end = (region.left, region.right) if level else (region.top, region.bottom)
    margin = unit * _SAME_RULE
    inner = sorted(span for span in spans if first + margin < span[0] < last - margin)
    cuts = []
    while inner:
        same = [span for span in inner if span[0] - inner[0][0] <= margin]
        inner = inner[len(same) :]
        if _covered(same, begin, end) >= _RUNS_ACROSS * (end - begin):
            cuts.append(sum(span[0] for span in same) / len(same))
    return cuts


def _covered(spans: list[tuple[float, float, float]], begin: float, end: float) -> float:
    total, reached = 0.0, begin
    for _, start, stop in sorted(spans, key=lambda span: span[1:]):
        total += max(0.0, min(stop, end) - max(start, reached))
        reached = max(reached, stop)
    return total


def _parted(fragments: list[Fragment], places: list[float], edges: list[float]) -> list[list[Fragment]]:
    parts: list[list[Fragment]] = [[] for _ in range(len(edges) + 1)]
    for fragment, place in zip(fragments, places, strict=True):
        parts[bisect(edges, place)].append(fragment)
    return parts


def _share_of_height(row: list[Fragment], fragment: Fragment) -> float:
    """How much of the lower height is shared with the nearest fragment of the row; 0 if they stand over one another."""
    box = fragment.box
    near = min(
        (other.box for other in row),
        key=lambda other: (max(other.left - box.right, box.left - other.right), *_sides(other)),
    )
    across = min(near.right, box.right) - max(near.left, box.left)
    if across > _SIDE_BY_SIDE * min(near.width, box.width):
        return 0.0
    shared = min(near.bottom, box.bottom) - max(near.top, box.top)
    least = min(near.height, box.height)
    return shared / least if least > 0 else float(shared >= 0)


def _touch(one: Box, other: Box, reach: float) -> bool:
    return (
        one.left - reach <= other.right
        and other.left - reach <= one.right
        and one.top - reach <= other.bottom
        and other.top - reach <= one.bottom
    )


def _holds(region: Box, box: Box) -> bool:
    return region.left <= (box.left + box.right) / 2 <= region.right and region.top <= _middle(box) <= region.bottom


def _middle(box: Box) -> float:
    return (box.top + box.bottom) / 2


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom
