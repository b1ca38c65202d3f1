"""The response cache by page, wired: who recalls, under which rules, and what is counted."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter

from ocr_pipeline import logs
from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.bootstrap.configuration import engine_configuration
from ocr_pipeline.domain.ids import PageRef
from ocr_pipeline.domain.verdicts import VerdictRules
from ocr_pipeline.intake.recall import RecallObserver, RecallPages, RecallRules
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.settings import Settings

_log = logs.get(__name__)


class PageCacheMetrics(RecallObserver):
    """Counts and logs pages that needed no reading."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hits = Counter("ocr_page_cache_hits", "Pages that were read before.", registry=registry)

    def recalled(self, page: PageRef, source: PageRef) -> None:
        """As RecallObserver."""
        self._hits.inc()
        _log.info(
            "page known",
            document=str(page.document_id),
            page=page.number,
            source_document=str(source.document_id),
            source_page=source.number,
        )


def recall_pages(
    settings: Settings, records: Records, vault: Vault, registry: CollectorRegistry | None = None
) -> RecallPages | None:
    """What recalls pages, None where `gateway.response_cache` is off. Hits are counted in `registry`."""
    if not settings.gateway.response_cache:
        return None
    rules = RecallRules(
        engine_configuration(settings),
        timedelta(days=settings.gateway.response_cache_days),
        VerdictRules(settings.min_confidence_threshold, settings.enable_human_review_routing),
    )
    observer = PageCacheMetrics(registry or CollectorRegistry())
    return RecallPages(records, vault, SystemClock(), rules, observer)
