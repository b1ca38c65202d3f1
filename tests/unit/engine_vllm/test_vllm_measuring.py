"""Load, GPU memory and addresses of servers."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import ModuleType, SimpleNamespace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.engines.vllm.discovery import base_address, resolve, server_id
from ocr_pipeline.adapters.engines.vllm.gpu_memory import NOT_MEASURED, DcgmExporter, GpuUse, Nvml, parse_dcgm
from ocr_pipeline.adapters.engines.vllm.metrics import parse_load
from ocr_pipeline.domain.errors import ConfigurationError, EngineGarbage, EngineUnavailable
from ocr_pipeline.ports.generation import ServerLoad
from tests.scripted_vllm import Page, ScriptedVllm
from tests.unit.engine_vllm.asking import patient

MIB = 1 << 20

LOAD = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="ocr"} 3.0
vllm:num_requests_running{engine="1",model_name="ocr"} 2.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="ocr"} 1.0
vllm:num_requests_waiting{engine="1",model_name="ocr"} 0.0
# HELP vllm:num_requests_waiting_by_reason Number of waiting requests by reason.
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="0",model_name="ocr",reason="capacity"} 1.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="ocr"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="ocr"} 0.25
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="ocr"} NaN
"""

DCGM = """\
# TYPE DCGM_FI_DEV_FB_FREE gauge
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",Hostname="n1"} 600
DCGM_FI_DEV_FB_FREE{gpu="1",UUID="GPU-b",Hostname="n1"} 100
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",Hostname="n1"} 300
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-b",Hostname="n1"} 900
# TYPE DCGM_FI_DEV_FB_RESERVED gauge
DCGM_FI_DEV_FB_RESERVED{gpu="0",UUID="GPU-a",Hostname="n1"} 100
# TYPE DCGM_FI_DEV_GPU_TEMP gauge
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",Hostname="n1"} NaN
"""


def test_load_is_summed_over_engines() -> None:
    assert parse_load(LOAD) == ServerLoad(running=5, waiting=1, cache_usage=0.375)


def test_the_former_name_of_the_cache_is_known() -> None:
    assert parse_load('vllm:gpu_cache_usage_perc{model_name="ocr"} 0.5\n').cache_usage == 0.5


def test_names_that_are_missing_count_as_nothing() -> None:
    assert parse_load("") == parse_load("other_metric 7\n") == ServerLoad()


@pytest.mark.parametrize("figure", ["NaN", "+Inf", "-Inf", "-1"])
def test_figures_that_are_no_counts_are_garbage(figure: str) -> None:
    with pytest.raises(EngineGarbage):
        parse_load(f"vllm:num_requests_running {figure}\n")


@given(st.text() | st.text(alphabet='vllm:num_requests_running{}=" \n#1e9,\\'))
def test_any_text_is_a_load_or_garbage(text: str) -> None:
    try:
        load = parse_load(text)
    except EngineGarbage:
        return
    assert load.running >= 0
    assert 0 <= load.cache_usage <= 1


def test_gpu_memory_is_all_that_a_gpu_has() -> None:
    assert parse_dcgm(DCGM) == GpuUse(2, 1200 * MIB, 2000 * MIB)


@pytest.mark.parametrize("device", ["0", "GPU-a"])
def test_only_the_server_s_gpus_count(device: str) -> None:
    assert parse_dcgm(DCGM, {device}) == GpuUse(1, 300 * MIB, 1000 * MIB)


@pytest.mark.parametrize("text", ["", "other 7\n", 'DCGM_FI_DEV_FB_USED{gpu="0"} 300\n'])
def test_half_a_measurement_is_none(text: str) -> None:
    assert parse_dcgm(text) == NOT_MEASURED


def measured(url: str, seconds: float = 120.0) -> GpuUse:
    async def asking() -> GpuUse:
        async with httpx.AsyncClient() as client:
            return await DcgmExporter(url, client, seconds=seconds).measure()

    return asyncio.run(asking())


def test_an_exporter_that_fails_means_not_measured() -> None:
    with ScriptedVllm() as scripted:
        url = f"{scripted.url}/dcgm"
        assert measured(url) == NOT_MEASURED
        for page in (Page("<html>", "text/html"), Page("DCGM_FI_DEV_FB_USED x\n", "text/plain")):
            scripted.pages["/dcgm"] = page
            assert measured(url) == NOT_MEASURED
        scripted.pages["/dcgm"] = None
        assert measured(url, seconds=0.2) == NOT_MEASURED
        scripted.pages["/dcgm"] = Page(DCGM, "text/plain")
        assert measured(url).count == 2
    assert measured(url) == NOT_MEASURED


def test_gpu_memory_is_part_of_the_load() -> None:
    class Gpus:
        async def measure(self) -> GpuUse:
            return GpuUse(2, 300, 1000)

    async def asking(url: str) -> ServerLoad:
        server = patient(url, gpu_memory=Gpus())
        try:
            return await server.load()
        finally:
            await server.close()

    with ScriptedVllm() as scripted:
        load = asyncio.run(asking(scripted.url))
    assert load == ServerLoad(gpu_count=2, gpu_memory_used=300, gpu_memory_total=1000)


class FakeNvml(ModuleType):
    """The part of pynvml that is used, for a machine with two GPUs."""

    class NVMLError(Exception):
        """As in pynvml."""

    broken = ""
    open = 0

    def nvmlInit(self) -> None:  # noqa: N802 - the library's own names
        self._break("init")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self._break("count")
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        self._break("memory")
        return SimpleNamespace(used=100 + handle, total=1000)

    def _break(self, what: str) -> None:
        if self.broken == what:
            raise self.NVMLError


def test_the_driver_is_asked_through_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeNvml("pynvml")
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert asyncio.run(Nvml().measure()) == GpuUse(2, 201, 2000)
    assert library.open == 0


@pytest.mark.parametrize("broken", ["init", "count", "memory"])
def test_a_driver_that_fails_means_not_measured(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    library = FakeNvml("pynvml")
    library.broken = broken
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert asyncio.run(Nvml().measure()) == NOT_MEASURED
    assert library.open == 0


def test_a_machine_without_the_library_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert asyncio.run(Nvml().measure()) == NOT_MEASURED


@pytest.mark.parametrize(
    ("url", "base", "name"),
    [
        ("http://gpu-1:8000", "http://gpu-1:8000", "gpu-1:8000"),
        ("http://gpu-1:8000/v1/", "http://gpu-1:8000", "gpu-1:8000"),
        ("https://gpu-1/ocr", "https://gpu-1/ocr", "gpu-1:443"),
        ("http://10.0.0.7", "http://10.0.0.7", "10.0.0.7:80"),
        ("http://[fd00::7]:8000", "http://[fd00::7]:8000", "[fd00::7]:8000"),
        ("http://user:password@gpu-1:8000", "http://user:password@gpu-1:8000", "gpu-1:8000"),
    ],
)
def test_addresses_and_names(url: str, base: str, name: str) -> None:
    assert base_address(url) == base
    assert server_id(url) == name


@pytest.mark.parametrize("url", ["", "gpu-1:8000", "ftp://gpu-1", "http://", "http://gpu-1:port", "http://[::1"])
def test_what_is_no_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError):
        base_address(url)


def looked_up(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> tuple[str, ...]:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 8000)) for host in hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_settings: answers)
    return asyncio.run(resolve("servers", 8000))


def test_a_name_is_all_servers_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_up(monkeypatch, "10.0.0.9", "10.0.0.7", "10.0.0.9", "fd00::7")
    assert found == ("http://10.0.0.7:8000", "http://10.0.0.9:8000", "http://[fd00::7]:8000")


def test_a_name_without_servers_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineUnavailable):
        looked_up(monkeypatch)


@pytest.mark.parametrize("name", ["servers.invalid", "a" * 70 + ".invalid", "\ud800", "a..b"])
def test_a_name_that_cannot_be_looked_up_is_unavailable(name: str) -> None:
    with pytest.raises(EngineUnavailable):
        asyncio.run(resolve(name, 8000))


def test_the_own_machine_can_be_looked_up() -> None:
    assert "http://127.0.0.1:8000" in asyncio.run(resolve("localhost", 8000))
