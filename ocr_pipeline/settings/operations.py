"""What operators watch with: the exporter, traces, Flower's place."""

from __future__ import annotations

from ocr_pipeline.settings.group import Group


class ObservabilitySettings(Group):
    """Metrics of the whole pipeline, and traces."""
