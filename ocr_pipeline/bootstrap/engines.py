"""Recognisers from settings: the built-in `cpu` and `vllm`, and those that other packages bring."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

ENGINE_GROUP = "ocr_pipeline.engines"
"""The entry point group by which other packages bring engines: factories called with `slots` and `engine.options`."""

VLLM = "vllm"

SECOND = "cpu"
"""The engine that cross-checks what a model read."""


def engine(settings: Settings, stack: ExitStack, registry: CollectorRegistry | None = None) -> Engine:
    """The recogniser named in the settings; what it counts goes into `registry`.

    Raises ConfigurationError for an unknown one, EngineUnavailable.
    """
    if settings.engine.name == VLLM:
        from ocr_pipeline.bootstrap.vllm import vllm_engine

        return vllm_engine(settings, stack, registry)
    return installed_engine(settings, settings.engine.name, settings.slots, stack)


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
