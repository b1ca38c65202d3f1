"""The system's clock and a source of fresh identifiers."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

from ocr_pipeline.domain.ids import uuid7


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        return time.monotonic()


class RandomIds:
    """Version 7 UUIDs from the machine's time and its cryptographic randomness."""

    def new(self) -> UUID:
        """A fresh one."""
        return uuid7(time.time_ns() // 1_000_000, secrets.randbits(74))
