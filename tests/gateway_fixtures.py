"""A gateway on a port of its own, over an embedded pipeline with an engine that a test can steer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import URL

from ocr_pipeline.bootstrap import engines
from ocr_pipeline.client import SignedAuth
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.text import Block, Line, PageText, Word
from ocr_pipeline.gateway.app import create
from ocr_pipeline.gateway.asgi import opened
from ocr_pipeline.gateway.service import Service
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions
from ocr_pipeline.settings import Settings
from tests.e2e.cli_harness import line_page
from tests.plain_http import no_authorities
from tests.waiting import PATIENCE, until

SAID = "Amlodipine 5 mg once daily"


@dataclass
class SteeredEngine:
    """Reads the same words on every page, once it may."""

    name: str = "steered/1"
    pages: int = 0
    may_read: threading.Event = field(default_factory=threading.Event)

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        assert self.may_read.wait(PATIENCE)
        self.pages += 1
        words = tuple(Word(word, 0.99) for word in SAID.split())
        return PageText((Block((Line(words),)),), self.name, page.width, page.height, ink=0.05)

    def check(self) -> None:
        """Always well."""

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True)
class Gateway:
    """A running gateway, and the pipeline behind it."""

    url: str
    service: Service
    engine: SteeredEngine

    def issue(self, name: str = "clinic", *, roles: tuple[Role, ...] = (Role.SUBMITTER,), **changes: Any) -> IssuedKey:
        """A further key of a client, which is made where it is not there."""
        app = self.service.pipeline
        wanted = Changes(roles=roles, **{"requests_per_minute": 60_000, "burst": 1_000, **changes})
        try:
            ManageClients(app.records, app.clock).create(ClientId(name), wanted)
        except Conflict:
            ManageClients(app.records, app.clock).change(ClientId(name), wanted)
        return ManageKeys(app.records, app.vault, app.clock).create(ClientId(name))

    def client(self, name: str = "clinic", **wanted: Any) -> httpx.Client:
        """Signs with a new key of a client."""
        issued = self.issue(name, **wanted)
        auth = SignedAuth(issued.key.id, issued.secret)
        return httpx.Client(base_url=self.url, auth=auth, timeout=PATIENCE, trust_env=False, verify=no_authorities())

    def anybody(self) -> httpx.Client:
        """Signs nothing."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, verify=no_authorities())


OpenGateway = Callable[..., Gateway]

_PAGES = iter(range(1_000_000))


def new_page() -> bytes:
    """A picture of a page that was never seen before."""
    return line_page(f"Page number {next(_PAGES)}")


@pytest.fixture
def open_gateway(tmp_path: Path, postgres_url: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenGateway]:
    """Starts gateways over the test's database and folder, with settings on top; stopped after the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(serving(tmp_path, postgres_url, monkeypatch, settings))


@pytest.fixture
def gateway(open_gateway: OpenGateway) -> Gateway:
    """One with the default settings, whose engine reads."""
    running = open_gateway()
    running.engine.may_read.set()
    return running


@contextmanager
def serving(folder: Path, url: URL, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> Iterator[Gateway]:
    """One that serves while the block lasts, with these settings on top."""
    engine = SteeredEngine()
    monkeypatch.setattr(engines, "engine", lambda *_: engine)
    database = {"url": url.render_as_string(hide_password=False)}
    gateway = {"poll_seconds": 0.05, **changes.pop("gateway", {})}
    settings = Settings(data_dir=folder, database=database, gateway=gateway, **changes)
    app = create(partial(opened, settings))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), "the gateway to start", every=0.01)
        assert server.started, "the gateway did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        # A busy machine's services may be late with the answer that they are well.
        app.state.service.health._patience = PATIENCE
        yield Gateway(f"http://127.0.0.1:{port}", app.state.service, engine)
    finally:
        engine.may_read.set()
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the gateway did not stop"
