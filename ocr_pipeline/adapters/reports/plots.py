"""The plots of a bulk run's report, as SVG to stand inside HTML. The fonts are those of whoever looks at it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ocr_pipeline.ports.bulk import Throughput

INK, FAINT, GRID = "#1f2a37", "#6b7280", "#e5e7eb"
ACCENT, PALE = "#1d6fa5", "#9cc7e3"

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ocr-pipeline",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its length, and its colour."""

    label: str
    value: float
    colour: str


def throughput(rows: Sequence[Throughput], stretch_seconds: float, zone: tzinfo) -> str:
    """Pages a minute over time, a bar for each stretch."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(7.6, 2.4)
        minutes = stretch_seconds / _MINUTE
        axes.bar(range(len(rows)), [row.pages / minutes for row in rows], width=0.92, color=ACCENT, align="edge")
        axes.set_xlim(0, max(len(rows), 1))
        axes.set_ylabel("pages a minute")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: _time(rows, place, stretch_seconds, zone)))
        return _svg(figure, "Pages a minute over the time of the run")


def shares(bars: Sequence[Bar], title: str) -> str:
    """One bar below the other, each with its number."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(3.7, 0.6 + 0.32 * max(len(bars), 1), grid=False)
        places = range(len(bars))
        axes.barh(places, [bar.value for bar in bars], color=[bar.colour for bar in bars], height=0.66)
        axes.set_yticks(places, [bar.label for bar in bars], color=INK)
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        most = max((bar.value for bar in bars), default=1.0)
        axes.set_xlim(0, most * 1.25)
        for place, bar in zip(places, bars, strict=True):
            axes.text(bar.value + most * 0.02, place, f"{bar.value:,.0f}", va="center", color=INK)
        return _svg(figure, title)


def histogram(bounds: Sequence[float], counts: Sequence[int]) -> str:
    """Items by how long they took, without the empty bounds at either end."""
    labels = [f"< {_duration(bound)}" for bound in bounds] + [f"{_duration(bounds[-1])} +"]
    full = [place for place, count in enumerate(counts) if count]
    kept = range(min(full, default=0), max(full, default=0) + 1)
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(3.7, 2.2)
        axes.bar(range(len(kept)), [counts[place] for place in kept], width=0.86, color=ACCENT)
        axes.set_xticks(range(len(kept)), [labels[place] for place in kept], rotation=35, ha="right")
        axes.set_ylabel("files")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        return _svg(figure, "Files by the time from being handed out to their end")


def _axes(width: float, height: float, *, grid: bool = True) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(length=0)
    if grid:
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, title: str) -> str:
    """The figure alone, without the head of a file, in a size that follows the page's; `title` tells what it shows."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None})
    drawn = out.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' (?:width|height)="[\d.]+pt"', "", drawn, count=2)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def _time(rows: Sequence[Throughput], place: float, stretch: float, zone: tzinfo) -> str:
    index = round(place)
    if not rows or not 0 <= index < len(rows):
        return ""
    moment: datetime = rows[index].start.astimezone(zone)
    long_run = stretch * len(rows) > 2 * _DAY
    if long_run:
        return f"{moment:%d %b}"
    return f"{moment:%H:%M}" if stretch * len(rows) > 10 * _MINUTE else f"{moment:%H:%M:%S}"


def _duration(seconds: float) -> str:
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:g} h"
    return f"{seconds / _MINUTE:g} min" if seconds >= _MINUTE else f"{seconds:g} s"
