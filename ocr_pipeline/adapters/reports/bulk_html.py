"""A bulk run's report as one HTML file: no scripts, nothing loaded from elsewhere, good to print."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ocr_pipeline.adapters.reports import plots
from ocr_pipeline.adapters.reports.plots import ACCENT, PALE, Bar
from ocr_pipeline.domain.bulk import ItemState, RunState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.bulk_report import RunReport

_GOOD, _WAITS, _BAD, _IDLE = "#3a8f5c", "#d9952b", "#b8473d", "#9aa3af"

_PAGES = {
    PageState.ACCEPTED: ("accepted by machine", _GOOD),
    PageState.CONFIRMED: ("confirmed by a person", PALE),
    PageState.CORRECTED: ("corrected by a person", ACCENT),
    PageState.IN_REVIEW: ("waiting for a person", _WAITS),
    PageState.BLANK: ("blank", _IDLE),
    PageState.UNREADABLE: ("unreadable", _BAD),
    PageState.FAILED: ("failed", _BAD),
    PageState.QUEUED: ("being read", _IDLE),
}

_ITEMS = {
    ItemState.DONE: ("done", _GOOD),
    ItemState.HANDED_OUT: ("under way", ACCENT),
    ItemState.WAITING: ("not handed out", _IDLE),
    ItemState.DUPLICATE: ("named twice", PALE),
    ItemState.REFUSED: ("refused", _BAD),
    ItemState.MISSING: ("missing", _WAITS),
    ItemState.FAILED: ("failed", "#7d2f28"),
}

_STATES = {
    RunState.LISTING: "being listed",
    RunState.CREATED: "not started",
    RunState.RUNNING: "running",
    RunState.PAUSED: "paused",
    RunState.FINISHED: "finished",
    RunState.CANCELLED: "cancelled",
}

_CODES = {
    "input_missing": "The file was not there or could not be read.",
    "object_missing": "The object was not in the bucket.",
    "unsupported_format": "Neither PDF, TIFF, JPEG nor PNG.",
    "too_large": "Larger than is taken in.",
    "too_many_pages": "More pages than are taken in.",
    "encrypted_pdf": "The PDF asks for a password.",
    "malformed": "The file is damaged.",
    "empty_file": "The file is empty.",
    "no_pages": "The file has no pages.",
    "duplicate_row": "Named before in the same run.",
    "conflict": "The file was replaced after it was listed.",
    "store_unavailable": "The bucket did not give the file, again and again.",
    "pages_failed": "Some pages could not be read.",
    "cancelled": "The document was cancelled.",
    "erased": "The document was erased.",
    "no_path": "The line of the manifest names no file.",
    "bad_path": "The path of the line cannot be one.",
    "path_too_long": "The path of the line is too long.",
    "outside_base": "The line names a file outside the folder of the run.",
    "unknown_type": "The line names a type of document that is not known.",
    "wrong_columns": "The line has more or fewer columns than the first.",
    "not_csv": "The line is no CSV.",
    "not_json": "The line is no JSON.",
    "not_an_object": "The line is no JSON object.",
    "not_utf8": "The line is no UTF-8 text.",
    "line_too_long": "The line is too long.",
    "bad_reference": "The reference of the line is too long or no text.",
}


class HtmlReport:
    """Draws reports."""

    def __init__(self) -> None:
        self._template = Environment(
            loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        ).get_template("bulk_run.html.j2")

    def __call__(self, report: RunReport) -> str:
        """The report as one file of HTML."""
        zone: tzinfo = UTC if report.run.window is None else ZoneInfo(report.run.window.zone)

        def moment(value: datetime | None) -> str:
            return "-" if value is None else f"{value.astimezone(zone):%d %b %Y, %H:%M}"

        def day(value: datetime) -> str:
            return f"{value.astimezone(zone):%d %b %Y}"

        def clock(value: datetime | None) -> str:
            return "-" if value is None else f"{value.astimezone(zone):%H:%M}"

        return self._template.render(
            report=report,
            run=report.run,
            title=report.label or f"Bulk run of {report.run.created_at.astimezone(zone):%d %B %Y}",
            state=_STATES[report.run.state],
            headline=_headline(report, moment),
            zone_name="UTC" if report.run.window is None else report.run.window.zone,
            moment=moment,
            day=day,
            clock=clock,
            duration=_duration,
            items=[(label, colour, report.items[state]) for state, (label, colour) in _ITEMS.items()],
            problems=[
                (tally.state.value.replace("_", " "), tally.code, _CODES.get(tally.code, ""), tally.items)
                for tally in sorted(report.tallies, key=lambda each: -each.items)
                if tally.code is not None
            ],
            throughput_plot=_plot(
                bool(report.throughput), lambda: plots.throughput(report.throughput, report.stretch_seconds, zone)
            ),
            pages_plot=_plot(bool(report.pages_read), lambda: plots.shares(_page_bars(report), "Pages by state")),
            latency_plot=_plot(any(report.latencies), lambda: plots.histogram(report.latency_bounds, report.latencies)),
        )


def _plot(wanted: bool, draw: Callable[[], str]) -> Markup | None:
    # What draws is our own, and no text of a document goes into a plot.
    return Markup(draw()) if wanted else None  # noqa: S704


def _page_bars(report: RunReport) -> list[Bar]:
    return [Bar(label, report.pages[state], colour) for state, (label, colour) in _PAGES.items() if report.pages[state]]


def _headline(report: RunReport, moment: Callable[[datetime | None], str]) -> str:
    """One or two sentences for somebody who reads nothing else."""
    done, total = report.items[ItemState.DONE], report.total_items
    bad = sum(report.items[state] for state in (ItemState.REFUSED, ItemState.MISSING, ItemState.FAILED))
    said = f"{done:,} of {total:,} files are done"
    said += f", {bad:,} could not be used." if bad else "."
    forecast = report.forecast
    if forecast.expected_at is not None:
        said += f" At its present speed the run will be finished about {moment(forecast.expected_at)}"
        if forecast.in_window is not None:
            said += ", before the window shuts" if forecast.in_window else ", not before the window shuts"
        if forecast.in_time is False:
            said += f" and AFTER its deadline of {moment(report.run.deadline)}"
        said += "."
    elif report.run.state is RunState.FINISHED:
        waiting = report.pages[PageState.IN_REVIEW]
        said += f" {waiting:,} pages still wait for a person." if waiting else " No page waits for a person."
    elif forecast.items_left:
        said += f" {forecast.items_left:,} are still to come."
    return said


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"
