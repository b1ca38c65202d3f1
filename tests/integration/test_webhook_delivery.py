"""Webhooks over real connections: a receiver with TLS on this machine that behaves well, badly, and worse."""

from __future__ import annotations

import logging
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import parse_headers
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook as Verifier

from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.adapters.webhooks.exchange import MAX_HEAD_BYTES
from ocr_pipeline.adapters.webhooks.sender import HttpWebhookSender
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import DeliveryFailed
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.flow.settle import move
from ocr_pipeline.operations.notify import Notified, SendWebhooks
from tests.postgres_fixtures import new_document, put
from tests.unit.world import CLIENT, World
from tests.waiting import PATIENCE

HOST = "receiver.example"
ENOUGH = timedelta(seconds=PATIENCE)
SHORT = timedelta(milliseconds=600)


@dataclass(slots=True)
class Seen:
    """One request as it arrived."""

    line: str
    headers: Message
    body: bytes
    server_name: str | None


Behaviour = Callable[[Any], None]


@dataclass(slots=True)
class Receiver:
    """A server that keeps what it is sent and then does as its behaviour says."""

    port: int
    behaviour: Behaviour
    seen: list[Seen] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)

    def url(self, host: str = HOST) -> str:
        return f"https://{host}:{self.port}/hook?patient=kim"


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority of the test's own, what trusts it, and a server of its."""

    trust: ssl.SSLContext
    server: ssl.SSLContext


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    ca = _certificate("test authority", ca_key, ca_name, ca_key, ca=True)
    leaf = _certificate(HOST, key, ca_name, ca_key, ca=False)
    pem: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    trust = ssl.create_default_context(cadata=ca.public_bytes(serialization.Encoding.PEM).decode())
    return Authority(trust, server)


@pytest.fixture
def receiver(authority: Authority) -> Iterator[Receiver]:
    names: dict[int, str] = {}
    authority.server.sni_callback = lambda connection, name, _: names.update({id(connection): name})

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with authority.server.wrap_socket(self.request, server_side=True) as connection:
                    stream = connection.makefile("rb")
                    line = stream.readline().decode().strip()
                    headers = parse_headers(stream)
                    body = stream.read(int(headers["content-length"]))
                    here.seen.append(Seen(line, headers, body, names.get(id(connection))))
                    here.behaviour(connection)
            except OSError:
                here.hung_up.set()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        here = Receiver(server.server_address[1], answers(204))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield here
        server.shutdown()
        thread.join()


def answers(status: int, *fields: str) -> Behaviour:
    head = "\r\n".join([f"HTTP/1.1 {status} Said", "content-length: 0", *fields, "", ""])
    return lambda connection: connection.sendall(head.encode())


def drips(first: bytes, drop: bytes) -> Behaviour:
    """Send a beginning, and then drops until the other side has had enough."""

    def behave(connection: Any) -> None:
        pause = threading.Event()
        connection.sendall(first)
        while True:
            connection.sendall(drop)
            if len(drop) < 100:
                pause.wait(0.05)

    return behave


@pytest.fixture
def senders(authority: Authority) -> Iterator[Callable[..., HttpWebhookSender]]:
    """Makes senders that find every name on this machine."""
    made: list[HttpWebhookSender] = []

    def make(**given: Any) -> HttpWebhookSender:
        usual = {"timeout": ENOUGH, "allow_private": True, "trust": authority.trust}
        made.append(HttpWebhookSender(**{**usual, "resolve": lambda *_: ["127.0.0.1"], **given}))
        return made[-1]

    yield make
    for sender in made:
        sender.close()


Senders = Callable[..., HttpWebhookSender]


def put_document(records: PostgresRecords, vault: AesGcmVault, callback: str) -> DocumentId:
    """A queued document whose client wants to be told."""
    document = new_document()
    key = vault.new_key(document.id)
    sealed = vault.seal(key, Place(document.id, Purpose.CALLBACK), callback.encode())
    put(records, replace(document, key=key, callback=sealed))
    return document.id


def cause_of(sender: HttpWebhookSender, url: str) -> str:
    with pytest.raises(DeliveryFailed) as failure:
        sender.send(url, {}, b"{}")
    assert HOST not in str(failure.value)
    return failure.value.cause


def test_a_signed_webhook_arrives_and_verifies(receiver: Receiver, senders: Senders) -> None:
    world = World()
    world.clock.time = datetime.now(UTC)
    document_id = world.receive(callback=receiver.url()).document_id
    world.cancel(document_id, actor="kim")
    sweep = SendWebhooks(world.records, world.vault, senders(), world.clock, timeout=ENOUGH)
    assert sweep() == Notified(delivered=1)
    (seen,) = receiver.seen
    told = Verifier(world.vault.secret(CLIENT, "webhook")).verify(seen.body, dict(seen.headers))
    assert told["data"]["document_id"] == str(document_id)
    assert seen.line == "POST /hook?patient=kim HTTP/1.1"
    assert seen.headers["content-type"] == "application/json"


def test_the_outbox_lives_in_postgres(
    receiver: Receiver, senders: Senders, open_postgres: Callable[..., PostgresRecords]
) -> None:
    """Two processes sweep at once: each document's messages arrive once, in order, and every try is in the log."""
    vault = AesGcmVault(MemoryKeyProvider(), DataKeyCache(0, 0))
    records, clock = open_postgres(pool_size=10), SystemClock()
    documents = [put_document(records, vault, receiver.url()) for _ in range(6)]
    with records() as uow:
        move(uow, uow.documents.lock(documents[0]), DocumentState.NEEDS_REVIEW, at=clock.now(), actor="test")
    for state in (DocumentState.NEEDS_REVIEW, DocumentState.COMPLETED):
        for document_id in documents:
            with records() as uow:
                move(uow, uow.documents.lock(document_id), state, at=clock.now(), actor="test")
                uow.commit()
    sweeps = [
        SendWebhooks(records, vault, senders(), clock, timeout=ENOUGH, batch=4, threads=4),
        SendWebhooks(open_postgres(pool_size=10), vault, senders(), clock, timeout=ENOUGH, batch=4, threads=4),
    ]
    with ThreadPoolExecutor(2) as both:
        total = sum(done.delivered for done in both.map(lambda sweep: sweep(), sweeps))
    told: dict[str, list[str]] = {}
    for seen in receiver.seen:
        message = Verifier(vault.secret(ClientId("clinic"), "webhook")).verify(seen.body, dict(seen.headers))
        told.setdefault(message["data"]["document_id"], []).append(message["type"])
    assert total == len(receiver.seen) == sum(len(events) for events in told.values())
    with records() as uow:
        for document_id in documents:
            webhooks = uow.webhooks.of_document(document_id)
            assert [webhook.event.value for webhook in webhooks] == ["document.needs_review", "document.completed"]
            arrived = [webhook.event.value for webhook in webhooks if webhook.delivered_at is not None]
            assert told.get(str(document_id), []) == arrived
            for webhook in webhooks:
                tries = [(delivery.attempt, delivery.status) for delivery in uow.webhooks.deliveries(webhook.id)]
                assert tries == ([(1, 204)] if webhook.delivered_at else [])
    # A message that one sweep found behind an earlier one in the other's hands waits for that one's lease to end.
    assert total >= len(documents)


def test_the_name_is_said_though_the_address_is_connected_to(receiver: Receiver, senders: Senders) -> None:
    assert senders().send(receiver.url(), {"webhook-id": "1"}, b"{}") == 204
    (seen,) = receiver.seen
    assert seen.headers["host"] == f"{HOST}:{receiver.port}"
    assert seen.server_name == HOST
    assert seen.body == b"{}"


@pytest.mark.parametrize("status", [200, 204, 410, 429, 500])
def test_the_status_comes_back(receiver: Receiver, senders: Senders, status: int) -> None:
    receiver.behaviour = answers(status)
    assert senders().send(receiver.url(), {}, b"{}") == status


def test_a_redirect_is_not_followed(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = answers(302, f"location: {receiver.url()}")
    assert senders().send(receiver.url(), {}, b"{}") == 302
    assert len(receiver.seen) == 1


def test_an_interim_response_is_passed_over(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = lambda connection: connection.sendall(
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n"
    )
    assert senders().send(receiver.url(), {}, b"{}") == 202


def test_a_head_that_drips_ends_at_the_deadline(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = drips(b"HTTP/1.1 200 OK\r\nx: ", b"a")
    assert cause_of(senders(timeout=SHORT), receiver.url()) == "timeout"
    assert receiver.hung_up.wait(PATIENCE)


def test_interim_responses_without_end_are_cut_off(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = drips(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40)
    assert cause_of(senders(), receiver.url()) == "no_http"
    assert receiver.hung_up.wait(PATIENCE)


def test_a_head_without_end_is_cut_off(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = drips(b"HTTP/1.1 200 OK\r\nx: ", b"a" * MAX_HEAD_BYTES)
    assert cause_of(senders(), receiver.url()) == "no_http"
    assert receiver.hung_up.wait(PATIENCE)


def test_a_body_without_end_is_not_read(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = drips(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65_536)
    assert senders().send(receiver.url(), {}, b"{}") == 200
    assert receiver.hung_up.wait(PATIENCE)


def test_what_is_no_http(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n\r\n")
    assert cause_of(senders(), receiver.url()) == "no_http"


def test_a_connection_that_closes_without_an_answer(receiver: Receiver, senders: Senders) -> None:
    receiver.behaviour = lambda connection: connection.sendall(b"")
    assert cause_of(senders(), receiver.url()) == "connect"


def test_a_certificate_of_nobody_known_is_refused(receiver: Receiver, senders: Senders) -> None:
    assert cause_of(senders(trust=None), receiver.url()) == "tls"
    assert receiver.seen == []


def test_a_certificate_of_another_name_is_refused(receiver: Receiver, senders: Senders) -> None:
    assert cause_of(senders(), receiver.url("other.example")) == "tls"
    assert receiver.seen == []


def test_a_receiver_that_is_not_there(senders: Senders) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as closed:
        port = closed.server_address[1]
    assert cause_of(senders(), f"https://{HOST}:{port}/") == "connect"


def test_a_server_that_never_speaks_ends_at_the_deadline(senders: Senders) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent:
        address = f"https://{HOST}:{silent.server_address[1]}/"
        assert cause_of(senders(timeout=SHORT), address) == "timeout"


def test_the_next_address_is_tried_where_one_does_not_answer(receiver: Receiver, senders: Senders) -> None:
    assert senders(resolve=lambda *_: ["::1", "127.0.0.1"]).send(receiver.url(), {}, b"{}") == 204


def test_private_addresses_are_not_reached(receiver: Receiver, senders: Senders) -> None:
    assert cause_of(senders(allow_private=False), receiver.url()) == "address_private"
    assert receiver.seen == []


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert senders().send(receiver.url(), {}, b"{}") == 204


def test_no_log_says_where_a_message_went(
    receiver: Receiver, senders: Senders, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        senders().send(receiver.url(), {}, b"{}")
        cause_of(senders(allow_private=False), receiver.url())
    assert HOST not in caplog.text
    assert "kim" not in caplog.text
