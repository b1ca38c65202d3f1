"""What feeds the pipeline besides its front door: S3 events and bulk runs."""

from __future__ import annotations

from ocr_pipeline.settings.group import Group


class TriggerSettings(Group):
    """S3 events: where they come from, and what is made of which object."""


class BulkSettings(Group):
    """Bulk runs: the nightly window, and how fast they hand out."""
