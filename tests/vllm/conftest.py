"""Real model servers: one that the session shares, and another for tests that need two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.vllm.reading import warm_up
from tests.vllm.real_vllm import RealVllm, installed


@contextmanager
def started(folder: Path) -> Iterator[RealVllm]:
    """A server that reads; tests that hurt it wait until it reads again."""
    server = RealVllm(folder)
    try:
        server.start()
        server.wait_until_ready()
        warm_up(server)
        yield server
    finally:
        server.end()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealVllm]:
    if not installed():
        reason = "vLLM's CPU build is not installed: run tools/vllm_setup.sh"
        if os.environ.get("OCR_TEST_REQUIRE_VLLM") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with started(tmp_path_factory.mktemp("vllm")) as server:
        yield server


@pytest.fixture
def server(shared_server: RealVllm) -> RealVllm:
    """One server, reading."""
    shared_server.wait_until_ready()
    return shared_server


# A server that has nothing to do still takes more than half of a core: the second lives no longer than it is needed.
@pytest.fixture(scope="module")
def fleet(shared_server: RealVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealVllm, RealVllm]]:
    """Two of them."""
    with started(tmp_path_factory.mktemp("vllm")) as another:
        yield shared_server, another
