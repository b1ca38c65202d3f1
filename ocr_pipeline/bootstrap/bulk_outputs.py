"""What a bulk run gives out: its report, the list of its items, and the text of each item, its parts joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from ocr_pipeline.bootstrap.application import Application
from ocr_pipeline.bulk.report import MakeReport
from ocr_pipeline.bulk.sealed import ItemSource, open_source
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunId, Segment
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.ports.bulk_report import DrawReport, Prices, RunReport
from ocr_pipeline.results.join import join
from ocr_pipeline.results.read import DocumentResult

_BATCH = 500


def draw_report(report: RunReport) -> str:
    """The report as one HTML file."""
    from ocr_pipeline.adapters.reports.bulk_html import HtmlReport

    draw: DrawReport = HtmlReport()
    return draw(report)


@dataclass(frozen=True, slots=True)
class ListedItem:
    """An item with its parts; `source` where names were asked for and are still kept."""

    item: BulkItem
    segments: tuple[Segment, ...]
    source: ItemSource | None


class BulkOutputs:
    """Gives out what runs came to."""

    def __init__(self, app: Application) -> None:
        self._app = app
        bulk = app.settings.bulk
        prices = Prices(bulk.price_per_gpu_hour, bulk.gpus, bulk.currency)
        self.report = MakeReport(app.records, app.vault, app.clock, prices)

    def items(self, run_id: RunId, *, names: bool, states: tuple[ItemState, ...] = ()) -> Iterator[ListedItem]:
        """Every item, a few hundred at a time. Raises NotFound."""
        with self._app.records() as uow:
            run = uow.bulk_runs.get(run_id)
        after = 0
        while True:
            with self._app.records() as uow:
                found = uow.bulk_items.of_run(run_id, after=after, limit=_BATCH, states=states)
                segments = uow.bulk_items.segments(run_id, [item.number for item in found])
            of_item = {number: tuple(own) for number, own in groupby(segments, key=lambda each: each.number)}
            for item in found:
                yield ListedItem(item, of_item.get(item.number, ()), self._source(run, item) if names else None)
            if len(found) < _BATCH:
                return
            after = found[-1].number

    def text(self, listed: ListedItem, *, actor: str) -> DocumentResult | None:
        """What an item says, its parts joined; None where nothing of it was read. Reading is audited."""
        with self._app.records() as uow:
            states = {segment.index: uow.documents.get(segment.document_id).state for segment in listed.segments}
        parts = [
            (segment.first_page, self._app.read(segment.document_id, actor=actor))
            for segment in listed.segments
            if states[segment.index] not in {DocumentState.ERASED, DocumentState.REJECTED}
        ]
        if not parts:
            return None
        return join(parts, parts[0][1].name if listed.source is None else listed.source.name)

    def _source(self, run: BulkRun, item: BulkItem) -> ItemSource | None:
        return None if item.source is None else open_source(self._app.vault, run, item)
