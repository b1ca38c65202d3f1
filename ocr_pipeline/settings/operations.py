"""What operators watch with: the exporter, the status page, traces."""

from __future__ import annotations

from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator

from ocr_pipeline.settings.group import Group


class ObservabilitySettings(Group):
    """What the exporter and the status page tell, and where traces go.

    `management_url` is the address of RabbitMQ's management API (`http://user:password@host:15672/api`): without it the
    lanes' rates and what is in workers' hands are not known. The day of "today" begins at midnight in `time_zone`.
    `session_hours` is how long a browser stays let in by one link. Without `otlp_endpoint` nothing is traced.
    """

    management_url: SecretStr | None = None
    time_zone: str = "UTC"
    fresh_seconds: float = Field(3.0, gt=0)
    session_hours: float = Field(12.0, gt=0, le=168)
    otlp_endpoint: str | None = None
    trace_share: float = Field(1.0, gt=0, le=1)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not a time zone: take one like Asia/Seoul") from None
        return name


class ScalingSettings(Group):
    """What the exporter's predicted drain times and wanted instances go by.

    Between `min_instances` and `max_instances` model servers, each with `max_concurrent_requests` pages at once, of
    `page_seconds` each until the last hour's pages tell better. Pages should be done within `urgent_seconds`,
    `routine_seconds` and `bulk_seconds`.
    """

    min_instances: int = Field(2, ge=1)
    max_instances: int = Field(20, ge=1)
    cooldown_seconds: float = Field(300.0, ge=0)
    page_seconds: float = Field(2.0, gt=0)
    urgent_seconds: float = Field(10.0, gt=0)
    routine_seconds: float = Field(120.0, gt=0)
    bulk_seconds: float = Field(4 * 3600.0, gt=0)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min_instances > self.max_instances:
            raise ValueError("scaling.min_instances must not be more than scaling.max_instances")
        return self
