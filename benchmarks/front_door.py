"""What the front door costs, beside a bare handler that streams the same bodies into the same store.

    python -m benchmarks.front_door

Prints CPU a document of both servers (the server's process alone, PostgreSQL apart) and their ratio, the time that the
limiter adds, and the memory of the gateway with many slow uploads at once.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import uvicorn
from anyio import to_thread
from fastapi import FastAPI, Request

from ocr_pipeline.adapters.objects.local import LocalObjectStore
from ocr_pipeline.bootstrap import application, front_door
from ocr_pipeline.client import SignedAuth
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys
from ocr_pipeline.settings import Settings
from tests.gateway_requests import head_of, signed

BODY = 300_000
MEBIBYTE = 1 << 20


def bare(folder: Path) -> FastAPI:
    """As little as a handler can do that keeps a body: no checks, no encryption, no record."""
    store = LocalObjectStore(folder / "bare")
    store.prepare()
    app = FastAPI()

    @app.post("/v1/documents")
    async def keep(request: Request) -> dict[str, str]:
        key = secrets.token_hex(8)
        with store.writing(f"documents/{key}/original") as writer:
            async for chunk in request.stream():
                writer.write(chunk)
            await to_thread.run_sync(writer.commit)
        return {"id": key}

    return app


@contextmanager
def served(kind: str, folder: Path) -> Iterator[tuple[str, int, psutil.Process]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "benchmarks.front_door",
        "--serve",
        kind,
        "--port",
        str(port),
        "--dir",
        str(folder),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, server)
        yield f"http://127.0.0.1:{port}", port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(60)


def wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server did not start") from None
            time.sleep(0.1)
        else:
            return


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def cpu_a_document(process: psutil.Process, client: httpx.Client, count: int) -> float:
    """Seconds of CPU for each of so many new documents, after as many as warm the server up."""
    bodies = [b"\xff\xd8\xff" + os.urandom(BODY - 3) for _ in range(count)]
    for body in bodies[: count // 5]:
        client.post("/v1/documents", content=body[:-1], headers={"Content-Type": "image/jpeg"}).raise_for_status()
    before = cpu_of(process)
    for body in bodies:
        client.post("/v1/documents", content=body, headers={"Content-Type": "image/jpeg"}).raise_for_status()
    return (cpu_of(process) - before) / count


def milliseconds_at_p95(call: Callable[[], object], count: int) -> float:
    took = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.quantiles(took, n=20)[-1]


def slow_uploads(port: int, key: IssuedKey, process: psutil.Process, count: int) -> tuple[int, int]:
    """MiB of memory before, and with so many uploads of 20 MiB under way, a mebibyte of each sent."""
    before = process.memory_info().rss
    body = b"\xff\xd8\xff" + bytes(20 * MEBIBYTE - 3)
    headers = signed(key, "POST", "/v1/documents", {"Content-Type": "image/jpeg"}, body)
    with ExitStack() as stack:
        for _ in range(count):
            headers |= signed(key, "POST", "/v1/documents", {"Content-Type": "image/jpeg"}, body)
            link = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            link.sendall(head_of("POST", "/v1/documents", len(body), headers) + body[:MEBIBYTE])
        time.sleep(2)
        return before // MEBIBYTE, process.memory_info().rss // MEBIBYTE


def measure(count: int, uploads: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(data_dir=folder, gateway={"max_lane_depth": 10**6, "idle_body_seconds": 600})
        # Whoever holds this lock reads the pages: nobody does while the front door is measured.
        lock = os.open(folder / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with application(settings) as pipeline, ExitStack() as stack:
            wanted = Changes(requests_per_minute=10**6, burst=10**5, queued_pages=10**6)
            ManageClients(pipeline.records, pipeline.clock).create(ClientId("bench"), wanted)
            key = ManageKeys(pipeline.records, pipeline.vault, pipeline.clock).create(ClientId("bench"))
            auth = SignedAuth(key.key.id, key.secret)
            with served("bare", folder) as (url, _, process), httpx.Client(base_url=url, auth=auth) as client:
                least = cpu_a_document(process, client, count)
            with served("gateway", folder) as (url, port, process):
                with httpx.Client(base_url=url, auth=auth, timeout=30) as client:
                    ours = cpu_a_document(process, client, count)
                before, during = slow_uploads(port, key, process, uploads)
            limiter = front_door(pipeline, stack).limiter
            added = milliseconds_at_p95(lambda: limiter.take("bench", per_second=1000.0, burst=10_000), 500)
        os.close(lock)
    costs = f"bare {1000 * least:.1f} ms, gateway {1000 * ours:.1f} ms, {ours / least:.1f} times"
    print(f"CPU a document of {BODY} bytes: {costs}")
    print(f"the limiter (postgres) takes {added:.2f} ms at p95")
    print(f"memory of the gateway: {before} MiB, with {uploads} slow uploads {during} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=150)
    parser.add_argument("--uploads", type=int, default=500)
    parser.add_argument("--serve", choices=("bare", "gateway"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is None:
        measure(asked.documents, asked.uploads)
        return
    os.environ["OCR_PIPELINE_DATA_DIR"] = str(asked.dir)
    os.environ["OCR_PIPELINE_GATEWAY__IDLE_BODY_SECONDS"] = "600"
    os.environ["OCR_PIPELINE_LOG_LEVEL"] = "error"
    app = bare(asked.dir) if asked.serve == "bare" else "ocr_pipeline.gateway.asgi:build"
    uvicorn.run(app, factory=asked.serve == "gateway", port=asked.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
