"""Waiting for what will happen, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 180.0


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE, *, every: float = 0.05) -> None:
    """Wait for a condition, looking again and again; fails with what was waited for.

    A look that costs something should not be taken `every` few milliseconds: it takes time from what is waited for.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(every)
