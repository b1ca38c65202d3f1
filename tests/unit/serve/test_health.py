"""The little HTTP server for probes."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from ocr_pipeline.adapters.engines.serve import health as health_server
from ocr_pipeline.adapters.engines.serve.health import LONGEST_HEAD, MOST_CONNECTIONS, HealthServer
from ocr_pipeline.adapters.engines.serve.metrics import registry_of
from ocr_pipeline.adapters.engines.serve.status import ServeState, Status
from ocr_pipeline.domain.errors import ConfigurationError


def status_of(state: ServeState) -> Status:
    status = Status(fresh=60.0, clock=lambda: 0.0)
    if state is ServeState.READY:
        status.read_well(0.1)
    else:
        status.enter(state)
    return status


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        writer.write_eof()
        return await reader.read()
    except OSError:  # hung up on
        return b""
    finally:
        writer.close()


def ask(status: Status, request: bytes) -> tuple[int, bytes]:
    async def run() -> bytes:
        async with HealthServer("127.0.0.1", 0, status, registry_of(status, lambda: 0)) as health:
            return await exchange(health.port, request)

    head, _, body = asyncio.run(run()).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def get(path: str, state: ServeState) -> tuple[int, bytes]:
    return ask(status_of(state), f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())


@pytest.mark.parametrize("state", list(ServeState))
def test_ready_only_when_ready_and_the_state_is_named(state: ServeState) -> None:
    code, body = get("/health/ready", state)
    assert code == (200 if state is ServeState.READY else 503)
    assert json.loads(body)["state"] == state.value


@pytest.mark.parametrize("state", list(ServeState))
def test_live_unless_it_gave_up(state: ServeState) -> None:
    assert get("/health/live", state)[0] == (503 if state is ServeState.FAILED else 200)


def test_metrics() -> None:
    code, body = get("/metrics", ServeState.READY)
    assert code == 200
    assert b"ocr_model_server_ready 1.0" in body


def test_head_has_no_body() -> None:
    assert ask(status_of(ServeState.READY), b"HEAD /health/live HTTP/1.1\r\n\r\n") == (200, b"")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"GET /elsewhere HTTP/1.1\r\n\r\n", 404),
        (b"POST /health/ready HTTP/1.1\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /health/live FTP\r\n\r\n", 400),
        (b"GET /health/live", 400),
        (b"GET /health/live?x=1 HTTP/1.0\r\n\r\n", 200),
        (b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 2 * LONGEST_HEAD, 431),
    ],
)
def test_odd_requests(request_: bytes, code: int) -> None:
    assert ask(status_of(ServeState.READY), request_)[0] == code


def test_more_connections_than_it_takes_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_server, "_SECONDS", 3600.0)  # those that are held must not make room by being slow

    async def run() -> tuple[bytes, bytes]:
        status = status_of(ServeState.READY)
        async with HealthServer("127.0.0.1", 0, status, registry_of(status, lambda: 0)) as health:
            held = [await asyncio.open_connection("127.0.0.1", health.port) for _ in range(MOST_CONNECTIONS)]
            for _, writer in held:
                writer.write(b"GET /health/live")
                await writer.drain()
            refused = await exchange(health.port, b"GET /health/live HTTP/1.1\r\n\r\n")
            for _, writer in held:
                writer.close()
                await writer.wait_closed()
            async with asyncio.timeout(120):
                while not (answered := await exchange(health.port, b"GET /health/live HTTP/1.1\r\n\r\n")):
                    pass
            return refused, answered

    refused, answered = asyncio.run(run())
    assert refused == b""
    assert answered.startswith(b"HTTP/1.1 200 OK")


def test_a_taken_port_is_a_matter_of_configuration() -> None:
    async def run(port: int) -> None:
        status = status_of(ServeState.READY)
        async with HealthServer("127.0.0.1", port, status, registry_of(status, lambda: 0)):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError):
        asyncio.run(run(taken.getsockname()[1]))
