"""The depths of the lanes, from queues and from the broker's statistics: the same where both know."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.adapters.queues.lane_figures import WATCHED, DeclaredLanes, ManagedLanes
from ocr_pipeline.adapters.queues.topology import Topology
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.messages import IntakeTask
from ocr_pipeline.domain.priorities import Priority
from tests.services_fixtures import private_broker
from tests.waiting import PATIENCE, until
from tools.private_rabbitmq import PrivateRabbitMq

pytestmark = pytest.mark.services

SECRET = "not-to-be-told"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRabbitMq]:
    broker = private_broker(tmp_path_factory.mktemp("lane-figures"))
    yield broker
    broker.remove()


def test_both_sources_tell_the_same(broker: PrivateRabbitMq) -> None:
    queue = CeleryWorkQueue(broker.url)
    for _ in range(3):
        queue.send_intake(IntakeTask(DocumentId(uuid4()), Priority.BULK))
    declared = DeclaredLanes(broker.url, Topology(), timeout=PATIENCE)
    found = {each.name: each for each in declared()}
    assert tuple(found) == WATCHED
    assert {name: each.ready for name, each in found.items() if each.ready} == {"intake.bulk": 3}
    assert {each.consumers for each in found.values()} == {0}
    managed = ManagedLanes(broker.management_url, broker.url, timeout=PATIENCE)

    def known() -> bool:
        # The statistics are gathered every few seconds.
        return {each.name: each.ready for each in managed()} == {name: each.ready for name, each in found.items()}

    until(known, "the broker's statistics")
    lane = next(each for each in managed() if each.name == "intake.bulk")
    assert (lane.ready, lane.unacked, lane.consumers) == (3, 0, 0)
    assert lane.rate_in is not None
    for each in (queue, declared, managed):
        each.close()


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://ops:{SECRET}@127.0.0.1:{server.server_port}/api/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b'{"error":"not_authorised"}'),
        (500, b""),
        (200, b"<html>"),
        (200, b'{"error":"x"}'),
        (200, b"[1]"),
        (200, b"[" + b" " * 5_000_000 + b"]"),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_outage_and_tells_no_secret(status: int, body: bytes) -> None:
    with answering(status, body) as url:
        lanes = ManagedLanes(url, "amqp://guest:guest@127.0.0.1//")
        with pytest.raises(QueueUnavailable) as caught:
            lanes()
    assert SECRET not in str(caught.value)


def test_a_queue_without_figures_yet_counts_nothing() -> None:
    with answering(200, b'[{"name":"results"},{"name":"celeryev.flower","messages_ready":9}]') as url:
        found = ManagedLanes(url, "amqp://guest:guest@127.0.0.1//")()
    assert [(each.name, each.ready, each.rate_in) for each in found] == [("results", 0, 0.0)]


@pytest.mark.parametrize(
    "lanes",
    [
        lambda: DeclaredLanes("amqp://guest:guest@127.0.0.1:1//", Topology(), timeout=0.5),
        lambda: ManagedLanes("http://127.0.0.1:1/api", "amqp://guest:guest@127.0.0.1:1//", timeout=0.5),
    ],
)
def test_a_broker_that_is_away_says_so(lanes: Callable[[], DeclaredLanes | ManagedLanes], tmp_path: Path) -> None:
    with pytest.raises(QueueUnavailable):
        lanes()()
