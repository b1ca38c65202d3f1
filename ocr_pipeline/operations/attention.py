"""What in a snapshot needs a person, by few rules: nobody should have to read every figure to see that all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import QUARANTINE, Priority, Stage, lane
from ocr_pipeline.operations.snapshot import Snapshot
from ocr_pipeline.ports.figures import Feeds, Figures, LaneFigures


class Level(StrEnum):
    """How soon somebody should look."""

    BAD = "bad"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to look at, for people (`text`) and for programs (`code`)."""

    level: Level
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class AttentionRules:
    """How long work may wait before it is worth a look, by class, and how long a review may."""

    waits: tuple[tuple[Priority, timedelta], ...] = (
        (Priority.URGENT, timedelta(minutes=1)),
        (Priority.ROUTINE, timedelta(hours=1)),
        (Priority.BULK, timedelta(hours=24)),
    )
    review: timedelta = timedelta(hours=24)


_MAINTENANCE = "maintenance"
_BULK = "bulk"
_DEAD = "dead"
_SERVED = (
    (lane(Stage.RECOGNITION, Priority.URGENT), Level.BAD, "No worker reads pages: its engine is ill, or none runs."),
    (lane(Stage.INTAKE, Priority.URGENT), Level.BAD, "No worker opens documents."),
    (Stage.RESULTS.value, Level.BAD, "No worker takes results."),
    (_MAINTENANCE, Level.WARN, "No worker sweeps: what got lost is not found, and retries wait."),
    (QUARANTINE, Level.WARN, "No worker serves the quarantine."),
)


def attention(snapshot: Snapshot, rules: AttentionRules | None = None) -> list[Notice]:
    """What needs a person, worst first; nothing where all is well."""
    rules = rules or AttentionRules()
    found = [
        *(_away(source) for source in snapshot.missing),
        *_of_lanes({each.name: each for each in snapshot.lanes or ()}),
    ]
    if snapshot.figures is not None:
        found += _of_figures(snapshot.figures, snapshot.taken_at, rules)
    if snapshot.feeds is not None:
        found += _of_feeds(snapshot.feeds, {each.name: each for each in snapshot.lanes or ()})
    return sorted(found, key=lambda notice: notice.level is not Level.BAD)


def _away(source: str) -> Notice:
    return Notice(Level.BAD, f"{source}_away", f"The {source} does not answer: what it alone can tell is missing here.")


def _of_lanes(lanes: dict[str, LaneFigures]) -> Iterator[Notice]:
    for name, level, text in _SERVED:
        if name in lanes and not lanes[name].consumers:
            who = "quarantine" if name == QUARANTINE else name.partition(".")[0]
            yield Notice(level, f"not_served_{who}", text)
    dead = lanes.get(_DEAD)
    if dead is not None and dead.ready:
        yield Notice(
            Level.WARN, "dead_letters", f"{dead.ready} messages that nobody could use lie with the dead letters."
        )


def _of_feeds(feeds: Feeds, lanes: dict[str, LaneFigures]) -> Iterator[Notice]:
    if feeds.window_open and _BULK in lanes and not lanes[_BULK].consumers:
        yield Notice(Level.WARN, "not_served_bulk", "A bulk run is at work, and no worker hands its files out.")
    if feeds.parked_events:
        yield Notice(Level.WARN, "events_parked", f"{feeds.parked_events} events could not be used.")


def _of_figures(figures: Figures, now: datetime, rules: AttentionRules) -> Iterator[Notice]:
    for priority, patience in rules.waits:
        waiting = figures.waiting[priority]
        since = min(filter(None, (waiting.oldest_document, waiting.oldest_page)), default=now)
        if now - since > patience:
            text = f"The oldest {priority.label} work has waited longer than {_span(patience)}."
            yield Notice(Level.BAD if priority is Priority.URGENT else Level.WARN, f"old_{priority.label}", text)
    quarantined = sum(each.quarantined for each in figures.waiting.values())
    if quarantined:
        yield Notice(
            Level.WARN, "quarantine", f"{quarantined} pages are held to have killed workers, and are tried alone."
        )
    failed = sum(many for (state, _), many in figures.pages_today.items() if state is PageState.FAILED)
    if failed or figures.today[DocumentState.FAILED]:
        text = f"{failed} pages and {figures.today[DocumentState.FAILED]} documents of today failed."
        yield Notice(Level.WARN, "failed", text)
    opened = min((each.oldest for each in figures.reviews.values() if each.oldest is not None), default=now)
    if now - opened > rules.review:
        yield Notice(Level.WARN, "old_review", f"The oldest review has waited longer than {_span(rules.review)}.")


def _span(duration: timedelta) -> str:
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return f"{hours} h" if hours else f"{minutes} min"
