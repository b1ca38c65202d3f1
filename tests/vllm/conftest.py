"""Two real model servers that the session shares."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.vllm.reading import warm_up
from tests.vllm.real_vllm import RealVllm, installed


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealVllm, RealVllm]]:
    """Both started; tests that hurt one wait until it reads again."""
    if not installed():
        reason = "vLLM's CPU build is not installed: run tools/vllm_setup.sh"
        if os.environ.get("OCR_TEST_REQUIRE_VLLM") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("vllm")
    servers = (RealVllm(folder), RealVllm(folder))
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait_until_ready()
            warm_up(server)
        yield servers
    finally:
        for server in servers:
            server.end()


@pytest.fixture
def server(fleet: tuple[RealVllm, RealVllm]) -> RealVllm:
    """One of them, reading."""
    fleet[0].wait_until_ready()
    return fleet[0]
