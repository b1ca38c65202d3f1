"""The snapshot as the page and the JSON show it: plain values, ages in seconds, names as people use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import QUARANTINE, Priority, Stage, lane
from ocr_pipeline.operations.attention import attention
from ocr_pipeline.operations.snapshot import Snapshot
from ocr_pipeline.ports.figures import Feeds, Figures, LaneFigures

View = dict[str, Any]

_WORKERS = {
    "intake": lane(Stage.INTAKE, Priority.URGENT),
    "recognition": lane(Stage.RECOGNITION, Priority.URGENT),
    "quarantine": QUARANTINE,
    "results": Stage.RESULTS.value,
    "maintenance": "maintenance",
    "bulk": "bulk",
}
_SHOWN_PAGES = (
    PageState.ACCEPTED,
    PageState.BLANK,
    PageState.IN_REVIEW,
    PageState.CORRECTED,
    PageState.CONFIRMED,
    PageState.UNREADABLE,
    PageState.FAILED,
)


def view_of(snapshot: Snapshot) -> View:
    """Everything that is shown. A part that is not known is null."""
    now, figures = snapshot.taken_at.astimezone(snapshot.day_began.tzinfo), snapshot.figures
    return {
        "taken_at": now.isoformat(timespec="seconds"),
        "day_began": snapshot.day_began.isoformat(timespec="seconds"),
        "attention": [
            {"level": each.level.value, "code": each.code, "text": each.text} for each in attention(snapshot)
        ],
        "missing": snapshot.missing,
        "classes": None if figures is None else _classes(figures, now),
        "throughput": None if figures is None else _throughput(figures),
        "engines": None if figures is None else _engines(figures),
        "today": None if figures is None else _today(figures),
        "audit": None if figures is None else _audit(figures, now),
        "lanes": None if snapshot.lanes is None else [_lane(each) for each in snapshot.lanes],
        "workers": _workers(snapshot.lanes),
        "feeds": None if snapshot.feeds is None else _feeds(snapshot.feeds, now.tzinfo),
    }


def _classes(figures: Figures, now: datetime) -> list[View]:
    shown = []
    for priority in Priority:
        waiting, review = figures.waiting[priority], figures.reviews[priority]
        oldest = min(filter(None, (waiting.oldest_document, waiting.oldest_page)), default=None)
        shown.append(
            {
                "class": priority.label,
                "documents_to_open": waiting.documents,
                "pages_to_read": waiting.pages,
                "oldest_seconds": _age(oldest, now),
                "retrying": waiting.retrying,
                "delayed": waiting.delayed,
                "quarantined": waiting.quarantined,
                "reviews": review.items,
                "oldest_review_seconds": _age(review.oldest, now),
            }
        )
    return shown


def _throughput(figures: Figures) -> View:
    settled = figures.settled
    return {
        "pages_last_minute": settled.last_minute,
        "pages_last_5_minutes": settled.last_5_minutes,
        "pages_last_hour": settled.last_hour,
        "pages_per_second": round(settled.last_5_minutes / 300, 3),
    }


def _engines(figures: Figures) -> list[View]:
    return [
        {
            "engine": each.engine,
            "pages_last_hour": each.pages,
            "mean_seconds": None if each.seconds is None else round(each.seconds, 2),
            "mean_confidence": None if each.confidence is None else round(each.confidence, 3),
        }
        for each in figures.engines
    ]


def _today(figures: Figures) -> View:
    pages = {state.value: sum(figures.pages_today[state, priority] for priority in Priority) for state in _SHOWN_PAGES}
    return {
        "documents": {state.value: figures.today[state] for state in DocumentState},
        "received": sum(figures.today.values()),
        "pages": pages,
        "refusals": dict(sorted(figures.refusals.items(), key=lambda item: (-item[1], item[0]))),
        "open_documents": {state.value: many for state, many in figures.open_documents.items()},
    }


def _audit(figures: Figures, now: datetime) -> View:
    return {"events_today": figures.audit_events, "last_seconds": _age(figures.last_audit_event, now)}


def _lane(lane: LaneFigures) -> View:
    return {
        "lane": lane.name,
        "ready": lane.ready,
        "in_hand": lane.unacked,
        "consumers": lane.consumers,
        "messages_in_per_second": lane.rate_in,
        "messages_out_per_second": lane.rate_out,
    }


def _workers(lanes: Sequence[LaneFigures] | None) -> Mapping[str, int] | None:
    """Workers by stage: those that take messages now. Nobody knows without a broker."""
    if not lanes:
        return None
    known = {each.name: each.consumers for each in lanes}
    return {stage: known.get(name, 0) for stage, name in _WORKERS.items()}


def _feeds(feeds: Feeds, zone: tzinfo | None) -> View:
    return {
        "window_open": feeds.window_open,
        "parked_events": feeds.parked_events,
        "runs": [
            {
                "id": run.id,
                "state": run.state,
                "items": dict(run.items),
                "ends_at": None if run.ends_at is None else run.ends_at.astimezone(zone).isoformat(" ", "minutes"),
            }
            for run in feeds.runs
        ],
    }


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max(0.0, (now - since).total_seconds()), 1)
