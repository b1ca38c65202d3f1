"""An S3 server whose sizes lie, that breaks off or hangs: nothing half-read becomes a document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from ocr_pipeline.adapters.objects.s3_buckets import S3Buckets
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.domain.errors import StoreUnavailable
from ocr_pipeline.triggers.events import Change, ObjectEvent
from ocr_pipeline.triggers.take import Outcome
from tests.unit.triggers.world import BUCKET, TriggerWorld
from tests.unit.world import PNG
from tests.waiting import PATIENCE

EVENT = ObjectEvent(Change.CREATED, BUCKET, "in/환자 1.png", size=1)


@contextmanager
def bucket(told: int, said: int, sent: bytes, release: Event) -> Iterator[S3Buckets]:
    """One object: HEAD tells of so many bytes, GET says so many and sends these; then it hangs or goes away.

    Only for a server that will hang there is little patience.
    """
    patience = PATIENCE if release.is_set() else 3

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(told)

        def do_GET(self) -> None:
            self.answer(said)
            self.wfile.write(sent)
            release.wait()
            self.close_connection = True

        def answer(self, size: int) -> None:
            self.send_response(200)
            for name, value in {
                "ETag": '"tag"',
                "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT",
                "Content-Length": str(size),
            }.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    endpoint = S3Endpoint(url, "us-east-1", "key", "secret", path_style=True, read_timeout=patience, attempts=1)
    client = endpoint.client()
    try:
        yield S3Buckets(client)
    finally:
        release.set()
        client.close()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("hangs", [False, True])
def test_what_breaks_off_or_hangs_is_to_come_again(hangs: bool) -> None:
    world, release = TriggerWorld(), Event()
    if not hangs:
        release.set()
    with bucket(11, 1000, PNG + b"a part", release) as buckets:
        world.take._buckets = buckets
        with pytest.raises(StoreUnavailable) as caught:
            world.taken(EVENT)
    assert "환자" not in str(caught.value)
    assert (world.documents(), world.rows()) == ([], [])


@pytest.mark.parametrize("sent", [b"", PNG + b"x" * 5000], ids=["nothing", "more than may be"])
def test_what_has_another_size_than_was_told_is_refused_by_what_it_is(sent: bytes) -> None:
    world, release = TriggerWorld(max_bytes=900), Event()
    release.set()
    with bucket(11, len(sent), sent, release) as buckets:
        world.take._buckets = buckets
        assert world.taken(EVENT) is Outcome.REFUSED
    assert world.documents() == []
