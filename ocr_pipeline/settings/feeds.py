"""What feeds the pipeline besides its front door and S3 events: bulk runs."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ocr_pipeline.domain.window import Window, parse_time
from ocr_pipeline.settings.group import Group


class BulkSettings(Group):
    """Bulk runs: the nightly window, how fast they hand out, and what the report's cost comes from.

    Items go out from `window_start` to `window_end`, local times of `time_zone`; without `window` at any time. At most
    about `lane_target` pages wait in the lane of bulk work. `group` files are claimed at a time, `at_once` of them in
    hand. Files of at most `max_source_bytes` and `max_source_pages` are taken, those with more than
    `max_pages_per_request` pages split. A step runs every `interval_seconds`.
    """

    window: bool = True
    window_start: str = "22:00"
    window_end: str = "06:00"
    time_zone: str = "Asia/Seoul"
    lane_target: int = Field(400, ge=1)
    group: int = Field(32, ge=1)
    at_once: int = Field(8, ge=1, le=64)
    interval_seconds: float = Field(15.0, gt=0)
    max_source_bytes: int = Field(200 * 1024 * 1024, ge=1)
    max_source_pages: int = Field(2000, ge=1)
    split_seconds: float = Field(60.0, gt=0)
    price_per_gpu_hour: float | None = Field(None, ge=0)
    gpus: int = Field(1, ge=1)
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")

    @model_validator(mode="after")
    def _window_makes_sense(self) -> Self:
        self.nightly()
        return self

    def nightly(self) -> Window | None:
        """The window of runs that name none of their own; None where there is none. Raises ValueError."""
        if not self.window:
            return None
        return Window(parse_time(self.window_start), parse_time(self.window_end), self.time_zone)
