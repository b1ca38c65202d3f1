"""How full a server's GPUs are, from a DCGM exporter or from the driver of this machine (NVML).

vLLM's own metrics do not say. Neither source has to be there: what cannot be measured is 0 everywhere.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from ocr_pipeline.adapters.engines.vllm.bounded_get import get_metrics
from ocr_pipeline.adapters.engines.vllm.metrics import Figure, figures
from ocr_pipeline.domain.errors import EngineError

USED = "DCGM_FI_DEV_FB_USED"
FREE = "DCGM_FI_DEV_FB_FREE"
RESERVED = "DCGM_FI_DEV_FB_RESERVED"
"""Frame buffer in MiB; the three add up to what the GPU has. Older exporters do not name the reserved part."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class GpuUse:
    """GPUs that were measured, and their memory together in bytes."""

    count: int = 0
    used: int = 0
    total: int = 0


NOT_MEASURED = GpuUse()


class GpuMemory(Protocol):
    """Somebody who can say how full a server's GPUs are."""

    async def measure(self) -> GpuUse:
        """The figures of this moment, NOT_MEASURED where there are none; a failure is no error."""
        ...


class DcgmExporter:
    """Asks a DCGM exporter, which speaks for all GPUs of its machine.

    `devices` are the GPUs, by index or UUID, that belong to the server; None takes all.
    """

    def __init__(
        self, url: str, client: httpx.AsyncClient, *, devices: Collection[str] | None = None, seconds: float = 2.0
    ) -> None:
        self._url = url
        self._client = client
        self._devices = devices
        self._seconds = seconds

    async def measure(self) -> GpuUse:
        """As GpuMemory, within `seconds`."""
        with suppress(EngineError):
            return parse_dcgm(await get_metrics(self._client, self._url, seconds=self._seconds), self._devices)
        return NOT_MEASURED


class Nvml:
    """Asks the driver of this machine, through the library pynvml where it is installed."""

    async def measure(self) -> GpuUse:
        """As GpuMemory."""
        return await asyncio.to_thread(_ask_driver)


def parse_dcgm(text: str, devices: Collection[str] | None = None) -> GpuUse:
    """The memory of the GPUs in `devices`. Raises EngineGarbage for text that is no metrics."""
    ours = [figure for figure in figures(text, frozenset({USED, FREE, RESERVED})) if _is_among(figure, devices)]
    gpus = {_device(figure) for figure in ours if figure.name == USED}
    if not gpus or gpus != {_device(figure) for figure in ours if figure.name == FREE}:
        return NOT_MEASURED
    used = sum(figure.value for figure in ours if figure.name == USED)
    total = sum(figure.value for figure in ours)
    return GpuUse(len(gpus), round(used * _MIB), round(total * _MIB))


def _is_among(figure: Figure, devices: Collection[str] | None) -> bool:
    return devices is None or figure.labels.get("gpu") in devices or figure.labels.get("UUID") in devices


def _device(figure: Figure) -> str:
    return figure.labels.get("UUID") or figure.labels.get("gpu", "")


def _ask_driver() -> GpuUse:
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return NOT_MEASURED
    with suppress(nvml.NVMLError):
        nvml.nvmlInit()
        try:
            return _measured(nvml)
        finally:
            nvml.nvmlShutdown()
    return NOT_MEASURED


def _measured(nvml: Any) -> GpuUse:  # noqa: ANN401 - the library comes without types
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    memories = [nvml.nvmlDeviceGetMemoryInfo(handle) for handle in handles]
    return GpuUse(len(memories), sum(memory.used for memory in memories), sum(memory.total for memory in memories))
