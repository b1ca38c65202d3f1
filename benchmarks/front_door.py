"""What the front door costs, beside a bare handler that streams the same bodies into the same store.

    python -m benchmarks.front_door

Prints CPU a document of both servers (all threads of the server's process, PostgreSQL and the broker apart) and their
ratio, the time that the limiter adds, and the memory of the gateway with many slow uploads at once. Both servers are up
at once and take turns, so that whatever else the machine does falls on both; the ratio is that of the middle round of
many, each of neighbouring turns. The limiter and a bare round trip to the database take turns as well, and of theirs
the quietest is shown beside the middle one: it has least of what else the machine does.

Both are served by uvicorn with the same parser of HTTP, the gateway as `ocr-pipeline serve` does it.

The deployment is the one that the settings in the environment name: embedded (with a local store) where they name
none, or with a broker, a database and S3. Nobody may read pages meanwhile.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil
import uvicorn
from anyio import to_thread
from fastapi import FastAPI, Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from ocr_pipeline import logs
from ocr_pipeline.adapters.postgres.engine import at_once
from ocr_pipeline.adapters.queues.local import LocalWorkQueue
from ocr_pipeline.bootstrap import Application, adapters, application, front_door
from ocr_pipeline.client import SignedAuth
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.gateway.app import create
from ocr_pipeline.gateway.asgi import opened
from ocr_pipeline.gateway.connections import BoundedConnection
from ocr_pipeline.gateway.service import Service
from ocr_pipeline.gateway.telemetry import GatewayMetrics
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.settings import Settings
from tests.gateway_requests import head_of, signed

BODY = 300_000
ROUND = 10
WARMING = 2
TURNS = 10
MEBIBYTE = 1 << 20


def bare(store: ObjectStore) -> FastAPI:
    """As little as a handler can do that keeps a body: no checks, no encryption, no record."""
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


def gateway(settings: Settings) -> FastAPI:
    """The gateway as it is deployed, only that nobody reads the pages."""
    logs.configure(settings.log_level, "json")
    return create(partial(opened_without_readers, settings))


@contextmanager
def opened_without_readers(settings: Settings, metrics: GatewayMetrics) -> Iterator[Service]:
    """The gateway's service; embedded, its queue takes the work as a broker would."""
    with opened(settings, metrics) as service:
        if service.pipeline.standby is not None:
            service.pipeline.standby.attach(LocalWorkQueue(capacity=10**6))
        yield service


@dataclass(frozen=True)
class Server:
    """A server under measurement, and a client of it."""

    port: int
    process: psutil.Process
    client: httpx.Client


@contextmanager
def served(kind: str, folder: Path, auth: SignedAuth) -> Iterator[Server]:
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
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=auth, timeout=30) as client:
            yield Server(port, psutil.Process(server.pid), client)
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


def cpu_of(server: Server) -> float:
    """Seconds of CPU that all threads of the process took, those that ended too, to the nanosecond."""
    # The clock of another process's CPU, as clock_getcpuclockid(3) names it on Linux; what psutil reads has ticks of
    # 10 ms, in which a server takes in several documents.
    return time.clock_gettime((~server.process.pid << 3) | 2)


def cpu_a_document(server: Server) -> float:
    """Milliseconds of CPU for each of a few new documents."""
    bodies = [b"\xff\xd8\xff" + os.urandom(BODY - 3) for _ in range(ROUND)]
    before = cpu_of(server)
    for body in bodies:
        server.client.post("/v1/documents", content=body, headers={"Content-Type": "image/jpeg"}).raise_for_status()
    return 1000 * (cpu_of(server) - before) / ROUND


def in_rounds(bare: Server, gateway: Server, documents: int) -> list[tuple[float, float]]:
    """CPU a document of both in each round; first rounds warm them up and do not count.

    Who goes first changes from round to round: what grows or fades meanwhile favours neither.
    """
    rounds = []
    for number in range(WARMING + max(2, documents // ROUND)):
        if number % 2:
            dear, cheap = cpu_a_document(gateway), cpu_a_document(bare)
        else:
            cheap, dear = cpu_a_document(bare), cpu_a_document(gateway)
        rounds.append((cheap, dear))
    return rounds[WARMING:]


def compared(rounds: Sequence[tuple[float, float]]) -> str:
    """The middle round's ratio, that of the quarters about it, and the middle CPU of both."""
    low, middle, high = statistics.quantiles([dear / cheap for cheap, dear in rounds], n=4)
    cheap, dear = (statistics.median(values) for values in zip(*rounds, strict=True))
    times = f"{middle:.2f} times (half of {len(rounds)} rounds {low:.2f} to {high:.2f})"
    return f"bare {cheap:.2f} ms, gateway {dear:.2f} ms, {times}"


@dataclass(frozen=True)
class Taking:
    """Milliseconds that calls took: at the 95th percentile of each turn, lowest first, and of CPU on average."""

    p95: Sequence[float]
    cpu: float

    def beside(self, least: Taking) -> str:
        quietest, middle = (f"{each.p95[0]:.2f}" for each in (self, least)), len(self.p95) // 2
        in_quiet = "{} ms at p95 (a bare round trip {})".format(*quietest)
        in_middle = f"{self.p95[middle]:.2f} ({least.p95[middle]:.2f})"
        return f"{in_quiet} in the quietest turn, {in_middle} in the middle one; CPU {self.cpu:.2f} ({least.cpu:.2f})"


def taking_in_turns(calls: Sequence[Callable[[], object]], count: int) -> list[Taking]:
    """What each takes, called one after the other, so many times; a first turn does not count."""
    turns = [[[timed(call) for call in calls] for _ in range(count // TURNS)] for _ in range(TURNS + 1)][1:]
    return [
        Taking(
            p95=sorted(statistics.quantiles([each[i][0] for each in turn], n=20)[-1] for turn in turns),
            cpu=statistics.fmean(each[i][1] for turn in turns for each in turn),
        )
        for i in range(len(calls))
    ]


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds that a call takes, and of CPU."""
    began, spent = time.perf_counter(), time.thread_time()
    call()
    return 1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - spent)


def round_trip(pipeline: Application) -> None:
    with at_once(pipeline.records.engine) as connection:
        connection.execute("SELECT 1", prepare=True)


def slow_uploads(server: Server, key: IssuedKey, count: int) -> tuple[int, int]:
    """MiB of memory before, and with so many uploads of 20 MiB under way, a mebibyte of each sent."""
    before = server.process.memory_info().rss
    body = b"\xff\xd8\xff" + bytes(20 * MEBIBYTE - 3)
    headers = signed(key, "POST", "/v1/documents", {"Content-Type": "image/jpeg"}, body)
    with ExitStack() as stack:
        for _ in range(count):
            headers |= signed(key, "POST", "/v1/documents", {"Content-Type": "image/jpeg"}, body)
            link = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            link.sendall(head_of("POST", "/v1/documents", len(body), headers) + body[:MEBIBYTE])
        time.sleep(2)
        return before // MEBIBYTE, server.process.memory_info().rss // MEBIBYTE


def measure(count: int, uploads: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        # Whoever holds this lock reads the pages: nobody does while the front door is measured.
        lock = os.open(folder / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        pipeline = stack.enter_context(application(load(folder)))
        key = a_clients_key(pipeline)
        auth = SignedAuth(key.key.id, key.secret)
        plain, door = (stack.enter_context(served(kind, folder, auth)) for kind in ("bare", "gateway"))
        rounds = in_rounds(plain, door, count)
        before, during = slow_uploads(door, key, uploads)
        limiter = front_door(pipeline, stack).limiter
        take = partial(limiter.take, "bench", per_second=1000.0, burst=10_000)
        taking, bare_trip = taking_in_turns([take, partial(round_trip, pipeline)], 2_000)
    print(f"CPU a document of {BODY} bytes: {compared(rounds)}")
    print(f"the limiter ({pipeline.settings.gateway.limiter}) takes {taking.beside(bare_trip)}")
    print(f"memory of the gateway: {before} MiB, with {uploads} slow uploads {during} MiB")


def load(folder: Path) -> Settings:
    """The settings of the environment, with bounds that the measurement does not meet."""
    return Settings(data_dir=folder, gateway={"max_lane_depth": 10**6, "idle_body_seconds": 600})


def a_clients_key(pipeline: Application) -> IssuedKey:
    """The key of a new client that may do much at once."""
    client_id = ClientId(f"bench-{secrets.token_hex(4)}")
    wanted = Changes(requests_per_minute=10**6, burst=10**5, queued_pages=10**6)
    ManageClients(pipeline.records, pipeline.clock).create(client_id, wanted)
    return ManageKeys(pipeline.records, pipeline.vault, pipeline.clock).create(client_id)


def serve(kind: str, port: int, folder: Path) -> None:
    """Run one of the servers until it is told to end."""
    with ExitStack() as stack:
        settings = load(folder)
        app = gateway(settings) if kind == "gateway" else bare(adapters.object_store(settings, stack))
        connection = BoundedConnection if kind == "gateway" else H11Protocol
        uvicorn.run(
            app,
            port=port,
            http=connection,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--uploads", type=int, default=500)
    parser.add_argument("--serve", choices=("bare", "gateway"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is None:
        measure(asked.documents, asked.uploads)
    else:
        serve(asked.serve, asked.port, asked.dir)


if __name__ == "__main__":
    main()
