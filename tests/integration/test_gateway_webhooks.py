"""Callbacks through the front door: sent once the document is settled, signed, logged, and never to a private place."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from standardwebhooks import Webhook

from ocr_pipeline.domain.ids import ClientId
from tests.gateway_fixtures import OpenGateway, new_page
from tests.gateway_requests import PNG, kept, problem
from tests.waiting import PATIENCE, until

OPEN = {"allow_http": True, "allow_private": True, "interval_seconds": 0.1, "timeout_seconds": PATIENCE}


@dataclass
class Receiver:
    """Keeps what it is sent, and answers with a status."""

    url: str = ""
    status: int = 204
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.received.append((dict(self.headers.items()), body))
            self.send_response(told.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/told"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def log_of(client: httpx.Client, place: str) -> list[dict[str, object]]:
    hooks: list[dict[str, object]] = []

    def tried() -> bool:
        hooks[:] = client.get(f"{place}/webhooks").json()["webhooks"]
        return bool(hooks and hooks[0]["deliveries"])

    until(tried, "a delivery in the log")
    return hooks


def test_a_settled_document_is_told_of_once_and_signed(open_gateway: OpenGateway, receiver: Receiver) -> None:
    gateway = open_gateway(webhooks=OPEN)
    gateway.engine.may_read.set()
    with gateway.client() as client:
        headers = {**PNG, "Callback-Url": receiver.url, "Prefer": "wait=30"}
        answer = client.post("/v1/documents", content=new_page(), headers=headers)
        (hook,) = log_of(client, answer.headers["Location"])
    assert hook["event"] == "document.completed"
    assert hook["delivered_at"] is not None
    ((headers, body),) = receiver.received
    app = gateway.service.pipeline
    secret = base64.b64encode(app.vault.secret(ClientId("clinic"), "webhook"))
    told = Webhook(secret.decode()).verify(body, {name.lower(): value for name, value in headers.items()})
    assert told["type"] == "document.completed"
    assert told["data"]["document_id"] == answer.json()["id"]


def test_a_receiver_that_fails_is_tried_again_later(open_gateway: OpenGateway, receiver: Receiver) -> None:
    gateway = open_gateway(webhooks=OPEN)
    gateway.engine.may_read.set()
    receiver.status = 500
    with gateway.client() as client:
        headers = {**PNG, "Callback-Url": receiver.url, "Prefer": "wait=30"}
        (hook,) = log_of(client, client.post("/v1/documents", content=new_page(), headers=headers).headers["Location"])
    assert hook["delivered_at"] is None
    assert hook["next_try_at"] is not None


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.7:8443/",
        "https://user:secret@127.0.0.1/",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_callbacks_go_nowhere_private(open_gateway: OpenGateway, address: str) -> None:
    gateway = open_gateway()
    with gateway.client() as client:
        answer = client.post("/v1/documents", content=new_page(), headers={**PNG, "Callback-Url": address})
    assert problem(answer) == (422, "callback_refused")
    assert address not in answer.text
    assert kept(gateway) == (0, 0)
