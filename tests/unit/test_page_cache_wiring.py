"""The page cache as it is wired: on unless it is turned off, counted, and logged with ids alone."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ocr_pipeline.bootstrap.page_cache import PageCacheMetrics, recall_pages
from ocr_pipeline.settings import Settings
from tests.messages_factory import page_ref
from tests.unit.world import World


def test_a_hit_is_counted_and_logged_with_ids_alone() -> None:
    registry = CollectorRegistry()
    page, source = page_ref(2), page_ref(7)
    with capture_logs() as lines:
        PageCacheMetrics(registry).recalled(page, source)
    assert registry.get_sample_value("ocr_page_cache_hits_total") == 1
    (line,) = lines
    ids = {"document": str(page.document_id), "page": 2, "source_document": str(source.document_id), "source_page": 7}
    assert line == {"event": "page known", "log_level": "info", **ids}


def test_it_is_on_unless_it_is_turned_off() -> None:
    world = World()
    assert recall_pages(Settings(), world.records, world.vault) is not None
    assert recall_pages(Settings(gateway={"response_cache": False}), world.records, world.vault) is None
