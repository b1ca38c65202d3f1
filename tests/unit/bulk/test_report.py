"""The figures of a run and the page that shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from ocr_pipeline.adapters.reports.bulk_html import HtmlReport
from ocr_pipeline.bulk.hand_out import HandOutRules
from ocr_pipeline.bulk.report import forecast
from ocr_pipeline.domain.bulk import ItemState, RunId, RunState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.window import Window
from tests.bulk_factory import new_run
from tests.postgres_fixtures import new_page
from tests.unit.bulk.bulk_world import BulkWorld, Files
from tests.unit.world import PNG

NIGHTLY = Window.parse("22:00-06:00", "UTC")
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def read_pages(bulk: BulkWorld, *states: PageState) -> None:
    """Give the documents a page each, in these states."""
    for document, state in zip(bulk.documents(), states, strict=True):
        with bulk.world.records() as uow:
            uow.documents.lock(document.id)
            page = replace(new_page(document, state=state), fingerprint=None, seconds=2.0)
            uow.pages.add([page])
            uow.commit()


def half_done() -> tuple[BulkWorld, RunId]:
    """A run of which four files are done, one is refused and four wait."""
    files = Files(*(PNG + bytes([65 + number]) for number in range(4)), b"<html>", *(PNG + b"%d" % n for n in range(4)))
    bulk = BulkWorld(files, HandOutRules(lane_target=4, group=9))
    bulk.world.clock.time = MIDNIGHT
    run_id = bulk.started(window=NIGHTLY, deadline=MIDNIGHT + timedelta(hours=30))
    bulk.step()
    read_pages(bulk, PageState.ACCEPTED, PageState.ACCEPTED, PageState.IN_REVIEW, PageState.BLANK)
    bulk.world.clock.advance(seconds=12)
    bulk.finish_documents()
    bulk.settle(run_id)
    return bulk, run_id


def test_a_report_counts_what_there_is() -> None:
    bulk, run_id = half_done()
    report = bulk.report(run_id)
    shown = {state: number for state, number in report.items.items() if number}
    assert shown == {ItemState.DONE: 4, ItemState.WAITING: 5}
    bulk.step()
    report = bulk.report(run_id)
    assert report.items[ItemState.REFUSED] == 1
    assert (report.total_items, report.pages_read, report.review_share) == (9, 4, 0.25)
    assert report.busy_seconds == 5.0
    assert report.pages_per_second == pytest.approx(8 / 5)
    assert report.engine_seconds == 8.0
    assert report.cost is not None
    assert report.cost.amount == pytest.approx(5 / 3600 * 3.6 * 2)
    assert [each.pages for each in report.throughput] == [0, 0, 8]
    assert sum(report.latencies) == 4
    assert [slow.pages for slow in report.slowest] == [2, 2, 2, 2]
    assert report.forecast.items_left == 4
    assert (report.forecast.in_window, report.forecast.in_time) == (True, True)
    assert [event.state for event in report.events][-1] is RunState.RUNNING


class Checked(HTMLParser):
    """Collects the tags, and text that is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any((name or "").startswith("on") for name, _ in attrs)
        assert not any(name in {"src", "href"} and not (value or "").startswith("#") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_names_nobody() -> None:
    bulk, run_id = half_done()
    bulk.step()
    page = HtmlReport()(replace(bulk.report(run_id), label="Ward <7> & 8"))
    checked = Checked()
    checked.feed(page)
    assert "svg" in checked.tags
    assert not checked.tags & {"script", "iframe", "img", "link", "object"}
    assert "@import" not in page
    assert "Ward <7> & 8" in checked.text
    assert "4 of 9 files are done, 1 could not be used" in checked.text
    assert "Neither PDF, TIFF, JPEG nor PNG" in checked.text
    assert "before the window shuts" in checked.text
    assert "kim" not in page.replace("cli:kim", "")


def test_a_clock_that_jumped_makes_no_endless_page() -> None:
    bulk, run_id = half_done()
    bulk.control.start(run_id, actor="cli:kim", now=True)
    bulk.step()
    bulk.world.clock.advance(days=20_000)
    bulk.finish_documents()
    bulk.settle(run_id)
    report = bulk.report(run_id)
    assert sum(each.pages for each in report.throughput) == 2 * report.items[ItemState.DONE]
    assert len(report.throughput) <= 73
    assert len(HtmlReport()(report)) < 200_000


@pytest.mark.parametrize("state", RunState)
def test_a_run_without_figures_has_a_page_too(state: RunState) -> None:
    bulk = BulkWorld(Files(PNG))
    run_id = bulk.listed()
    report = bulk.report(run_id)
    page = HtmlReport()(replace(report, run=replace(report.run, state=state), label="", cost=None))
    assert "Bulk run of 01 January 2026" in page
    assert "<svg" not in page


@pytest.mark.parametrize(
    ("items", "speed", "hours", "in_window", "in_time"),
    [(3600, 1.0, 1, True, True), (6 * 3600, 1.0, 6, True, True), (7 * 3600, 1.0, 23, False, True),
     (20 * 3600, 1.0, 52, False, False)],
)  # fmt: skip
def test_a_forecast_works_only_while_the_window_is_open(
    items: int, speed: float, hours: int, in_window: bool, in_time: bool
) -> None:
    run = new_run(window=NIGHTLY, deadline=MIDNIGHT + timedelta(hours=24))
    found = forecast(run, items, speed, MIDNIGHT)
    assert found.expected_at == MIDNIGHT + timedelta(hours=hours)
    assert (found.in_window, found.in_time) == (in_window, in_time)
    assert found.window_seconds_left == 6 * 3600


def test_without_a_speed_or_a_window_nothing_is_made_up() -> None:
    assert forecast(new_run(window=NIGHTLY), 10, None, MIDNIGHT).expected_at is None
    free = forecast(new_run(window=NIGHTLY, unbounded=True), 10, 1.0, MIDNIGHT)
    assert (free.expected_at, free.in_window, free.in_time) == (MIDNIGHT + timedelta(seconds=10), None, None)
    for state in (RunState.FINISHED, RunState.CANCELLED, RunState.PAUSED):
        assert forecast(new_run(state), 10, 1.0, MIDNIGHT).expected_at is None
