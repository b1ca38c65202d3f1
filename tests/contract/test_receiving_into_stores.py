"""Receiving a file for real: pieces, idempotency and races over PostgreSQL, a local directory and an S3 server."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from ocr_pipeline.adapters.clock import RandomIds, SystemClock
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.objects.local import LocalObjectStore
from ocr_pipeline.adapters.objects.s3 import S3ObjectStore
from ocr_pipeline.domain.errors import IdempotencyMismatch, Refused
from ocr_pipeline.domain.ids import ClientId, original_key
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.flow.dispatch import Dispatcher
from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.intake.submit import Receipt, SubmitDocument, UploadLimits
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records
from tests.unit.world import PNG, RecordingQueue
from tests.waiting import PATIENCE

MEBIBYTE = 1 << 20
LIMIT = 48 * MEBIBYTE
SCAN = PNG + b"scan" * 1000


@dataclass(frozen=True)
class FrontDesk:
    """What takes in files, and all that it is built over."""

    records: Records
    store: ObjectStore
    vault: AesGcmVault
    queue: RecordingQueue
    submit: SubmitDocument
    folder: Path

    def receive(self, *chunks: bytes, key: str | None = None, reference: str | None = None) -> Receipt:
        with self.submit.receiving(said(key, reference)) as reception:
            for chunk in chunks:
                reception.write(chunk)
            return reception.finish()

    def is_empty(self) -> bool:
        """Whether neither rows, objects nor stray files are there."""
        with self.records() as uow:
            rows = uow.documents.find()
        stray = [path for path in self.folder.rglob("*") if path.is_file()]
        return not rows and not stray and list(self.store.keys()) == [] and self.queue.intake == []


def said(key: str | None = None, reference: str | None = None) -> Arrival:
    return Arrival(ClientId("clinic"), "scan.png", Priority.BULK, "test", reference=reference, idempotency=key)


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.services)])
def desk(request: pytest.FixtureRequest, tmp_path: Path, open_postgres: Callable[..., Records]) -> Iterator[FrontDesk]:
    store: LocalObjectStore | S3ObjectStore
    if request.param == "local":
        store = LocalObjectStore(tmp_path / "objects")
        store.prepare()
    else:
        client = request.getfixturevalue("s3_client")
        store = S3ObjectStore(client, "receiving", uuid4().hex, staging=tmp_path / "staging")
        store.prepare(create_bucket=True)
    records, vault, queue = open_postgres(), AesGcmVault(MemoryKeyProvider(), DataKeyCache(8, 60)), RecordingQueue()
    dispatcher, limits = Dispatcher(queue, records), UploadLimits(max_bytes=LIMIT)
    submit = SubmitDocument(records, store, vault, dispatcher, SystemClock(), RandomIds(), limits)
    yield FrontDesk(records, store, vault, queue, submit, tmp_path)
    store.delete_prefix("documents/")


def test_a_large_file_in_little_memory(desk: FrontDesk) -> None:
    piece, pieces = bytes(64 << 10), LIMIT // (64 << 10) - 1
    with desk.submit.receiving(said()) as reception:
        reception.write(PNG)
        tracemalloc.start()
        try:
            for _ in range(pieces):
                reception.write(piece)
            receipt = reception.finish()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 6 * MEBIBYTE
    with desk.records() as uow:
        document = uow.documents.get(receipt.document_id)
    sealed = desk.store.get(original_key(document.id))
    assert desk.vault.open(document.usable_key(), Place(document.id, Purpose.ORIGINAL), sealed) == PNG + piece * pieces
    assert document.size == len(PNG) + len(piece) * pieces


def test_what_is_left_unfinished_or_refused_leaves_nothing(desk: FrontDesk) -> None:
    with desk.submit.receiving(said("key")) as reception:
        reception.write(SCAN)
    with pytest.raises(Refused):
        desk.receive(PNG, *[bytes(MEBIBYTE)] * (LIMIT // MEBIBYTE), key="key")
    with pytest.raises(Refused):
        desk.receive(b"PK\x03\x04" + bytes(5000), key="key")
    assert desk.is_empty()


def test_a_key_gives_its_document_again_and_to_no_other_request(desk: FrontDesk) -> None:
    first = desk.receive(SCAN, key="key", reference="r")
    again = desk.receive(SCAN[:50], SCAN[50:], key="key", reference="r")
    assert (again.document_id, again.repeated) == (first.document_id, True)
    for content, reference in ((SCAN, None), (SCAN + b"!", "r")):
        with pytest.raises(IdempotencyMismatch):
            desk.receive(content, key="key", reference=reference)
    assert list(desk.store.keys()) == [original_key(first.document_id)]
    assert len(desk.queue.intake) == 1


@pytest.mark.parametrize(("same_key", "same_file"), [(True, True), (True, False), (False, True)])
def test_of_requests_at_once_one_makes_a_document(desk: FrontDesk, *, same_key: bool, same_file: bool) -> None:
    clients = 4
    ready = threading.Barrier(clients)

    def receive(number: int) -> Receipt | None:
        with desk.submit.receiving(said("key" if same_key else f"key {number}")) as reception:
            reception.write(SCAN)
            if not same_file:
                reception.write(bytes([number]))
            ready.wait(PATIENCE)
            try:
                return reception.finish()
            except IdempotencyMismatch:
                return None

    with ThreadPoolExecutor(clients) as pool:
        receipts = [receipt for receipt in pool.map(receive, range(clients)) if receipt is not None]
    assert len(receipts) == (clients if same_file else 1)
    (made,) = {receipt.document_id for receipt in receipts}
    assert sum(not receipt.duplicate for receipt in receipts) == 1
    assert list(desk.store.keys()) == [original_key(made)]
    assert [task.document_id for task in desk.queue.intake] == [made]
    with desk.records() as uow:
        assert [document.id for document in uow.documents.find()] == [made]
