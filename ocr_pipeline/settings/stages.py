"""The stages: bounds on files, retries, review, the sweep."""

from __future__ import annotations

from pydantic import Field

from ocr_pipeline.settings.group import Group


class IntakeSettings(Group):
    """Bounds on hostile files, beyond those named in the requirements."""

    max_file_bytes: int = Field(20 * 1024 * 1024, ge=1)
    max_source_pixels: int = Field(100_000_000, ge=1)
    memory_bytes: int = Field(1024**3, ge=256 * 1024**2)
    document_seconds: float = Field(25.0, gt=0)
    page_seconds: float = Field(10.0, gt=0)
    render_dpi: int = Field(200, ge=72, le=600)
    max_attempts: int = Field(3, ge=1)


class RetrySettings(Group):
    """How often and when a failed page is tried again."""

    max_attempts: int = Field(3, ge=1)
    first_delay_seconds: float = Field(2.0, ge=0)
    longest_delay_seconds: float = Field(300.0, ge=0)
    outage_delay_seconds: float = Field(10.0, ge=0)
    max_suspicions: int = Field(3, ge=1)


class ReviewSettings(Group):
    """Human review: how long a claim holds."""

    lease_minutes: float = Field(15.0, gt=0)


class ReconcileSettings(Group):
    """The sweep: how often, and after how long without an outcome a sent message counts as lost."""

    interval_seconds: float = Field(15.0, gt=0)
    stalled_after_seconds: float = Field(1800.0, gt=0)
