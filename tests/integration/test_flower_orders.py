"""Flower gives workers no order: they know none, and each would note an error for every one that it hears."""

from __future__ import annotations

import runpy
from pathlib import Path

import flower.options  # type: ignore[import-untyped]  # noqa: F401 - defines what may stand in the file
from tornado.options import options

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "flower" / "flowerconfig.py"


def test_workers_are_not_ordered_to_tell() -> None:
    """Flower's default is an order every five seconds."""
    assert options.enable_events is True
    assert runpy.run_path(str(CONFIGURATION))["enable_events"] is False
