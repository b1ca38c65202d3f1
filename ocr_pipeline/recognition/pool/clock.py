"""The time that a pool goes by: seconds of its event loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Now = Callable[[], float]
"""Seconds from an arbitrary start that never go back."""


def loop_time() -> float:
    """The clock of the running event loop: `time.monotonic`, unless the loop was made with another."""
    return asyncio.get_running_loop().time()
