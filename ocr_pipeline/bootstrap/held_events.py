"""What holds events in the pipeline's database: for the gateway that receives them, and for those who work on them."""

from __future__ import annotations

from ocr_pipeline.adapters.clock import RandomIds
from ocr_pipeline.bootstrap.application import Application
from ocr_pipeline.triggers.hold import HoldEvents


def held_events(pipeline: Application) -> HoldEvents:
    """The held events of an open pipeline."""
    most = pipeline.settings.triggers.max_held
    return HoldEvents(pipeline.records, pipeline.vault, pipeline.clock, RandomIds(), most=most)
