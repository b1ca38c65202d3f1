"""The recogniser that the settings name: `vllm`, the built-in `cpu`, or one that another package brings."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ocr_pipeline.bootstrap.installed_engines import VLLM, installed_engine
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def engine(settings: Settings, stack: ExitStack, registry: CollectorRegistry | None = None) -> Engine:
    """The recogniser named in the settings; what it counts goes into `registry`.

    Raises ConfigurationError for an unknown one, EngineUnavailable.
    """
    if settings.engine.name == VLLM:
        from ocr_pipeline.bootstrap.vllm import vllm_engine

        return vllm_engine(settings, stack, registry)
    return installed_engine(settings, settings.engine.name, settings.slots, stack)
