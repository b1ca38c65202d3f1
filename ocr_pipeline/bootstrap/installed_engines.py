"""Recognisers that came by entry point, from this package and from others."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.metadata import entry_points
from typing import Any

from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.settings import Settings

ENGINE_GROUP = "ocr_pipeline.engines"
"""The entry point group by which packages bring engines: factories called with `slots` and `engine.options`."""

VLLM = "vllm"
"""The engine over model servers; it is wired here and comes by no entry point."""

SECOND = "cpu"
"""The engine that cross-checks what a model read."""


def installed_engine(settings: Settings, name: str, slots: int, stack: ExitStack) -> Engine:
    """An engine that came by entry point. Raises ConfigurationError for an unknown one, EngineUnavailable."""
    found = {point.name: point for point in entry_points(group=ENGINE_GROUP)}
    if name not in found:
        known = ", ".join(sorted({*found, VLLM}))
        raise ConfigurationError(f"engine.name names no installed engine; there are: {known}")
    options: dict[str, Any] = dict(settings.engine.options)
    if settings.engine.tessdata is not None:
        options["tessdata"] = settings.engine.tessdata
    built: Engine = found[name].load()(slots=slots, **options)
    stack.callback(built.close)
    return built
