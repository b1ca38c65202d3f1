"""Rotation reaches everything that is sealed: after the old key is destroyed all of it opens still, on a real Postgres.

The tables say of every column of bytes what it holds. Whatever seals something new fails here until it is rewrapped,
and until it is put into the database that is rotated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Column, LargeBinary, Table, select

from ocr_pipeline.adapters.clock import RandomIds, SystemClock
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.postgres.columns import CONTENT, Plain, Sealed
from ocr_pipeline.adapters.postgres.data_keys import OWNERS
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.adapters.postgres.schema import metadata
from ocr_pipeline.bulk.sealed import About, open_about, open_source, seal_about, seal_source
from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.bulk import BulkRun
from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import Conflict, DecryptionFailed, KeyMissing
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import KeyOwner, KeyOwnerKind, Place, Purpose, WrappedKey
from ocr_pipeline.domain.triggers import Listing, ParkReason, SourceObject
from ocr_pipeline.operations.rewrap import RewrapKeys
from ocr_pipeline.operations.verify import VerifyAudit
from ocr_pipeline.ports.bulk import SourceFile
from ocr_pipeline.ports.events import Letter
from ocr_pipeline.triggers.hold import HoldEvents
from tests.bulk_factory import new_item, new_run, put_run
from tests.postgres_fixtures import NOON, new_document, new_page, new_review, put

CLIENT = ClientId("clinic")
IN_THE_STORE = {Purpose.ORIGINAL, Purpose.PAGE_IMAGE}
"""Sealed under a document's key too, but as objects, which no rotation has to touch."""

SAID = b"said of nobody"


class Archive:
    """Records, the keys that protect them, and what was put in."""

    def __init__(self, records: PostgresRecords, key_file: Path) -> None:
        self.records = records
        self.keys = LocalFileKeyProvider.create(key_file)
        # Without a cache: every data key is unwrapped anew, so that nothing opens for having been open before.
        self.vault = AesGcmVault(self.keys, DataKeyCache(0, 0))
        self.held = HoldEvents(records, self.vault, SystemClock(), RandomIds())
        self.rewrap = RewrapKeys(records, self.vault, self.keys, SystemClock(), batch=2)
        self.documents = [self._document() for _ in range(5)]
        self.runs = [self._run() for _ in range(3)]
        self.listing = self._listing()
        self._events()

    def sealed(self, document_id: DocumentId, key: WrappedKey, purpose: Purpose, page: int = 0) -> bytes:
        return self.vault.seal(key, Place(document_id, purpose, page), SAID)

    def _document(self) -> Document:
        plain = new_document()
        key = self.vault.new_key(plain.id)
        document = replace(
            plain,
            key=key,
            name=self.sealed(plain.id, key, Purpose.NAME),
            reference=self.sealed(plain.id, key, Purpose.REFERENCE),
            callback=self.sealed(plain.id, key, Purpose.CALLBACK),
        )
        page = replace(
            new_page(document, 3),
            text=self.sealed(plain.id, key, Purpose.PAGE_TEXT, 3),
            text_layer=self.sealed(plain.id, key, Purpose.TEXT_LAYER, 3),
        )
        review = replace(new_review(page), correction=self.sealed(plain.id, key, Purpose.CORRECTION, 3))
        put(self.records, document, page, review)
        with self.records() as uow:
            uow.source_objects.put(
                SourceObject(
                    CLIENT,
                    address=uuid4().bytes * 2,
                    etag=bytes(32),
                    modified_at=NOON,
                    taken_at=NOON,
                    document_id=document.id,
                    sealed=self.sealed(document.id, key, Purpose.SOURCE),
                )
            )
            uow.commit()
        return document

    def _run(self) -> BulkRun:
        run_id = new_run().id
        key = self.vault.new_key(DocumentId(run_id))
        run = new_run(id=run_id, key=key, about=seal_about(self.vault, key, run_id, About("night", "base", None)))
        put_run(self.records, run, new_item(run, 7, source=seal_source(self.vault, run, 7, SourceFile("a name"))))
        return run

    def _listing(self) -> Listing:
        place = KeyOwner(KeyOwnerKind.LISTING, uuid4())
        key = self.vault.new_key(place.bound_to)
        cursor = self.sealed(place.bound_to, key, Purpose.CURSOR)
        listing = Listing(place.id, "bucket", "prefix/", key, not_before=NOON, cursor=cursor)
        with self.records() as uow:
            uow.listings.ensure(listing)
            uow.commit()
        return listing

    def _events(self) -> None:
        self.held.keep("minio", SAID)
        self.held.park(Letter(self.held.keep("minio", SAID), "minio", SAID, attempt=1, handle=None), ParkReason.NO_JSON)


@pytest.fixture
def archive(postgres_records: PostgresRecords, tmp_path: Path) -> Archive:
    """An archive with something in every column that is sealed."""
    return Archive(postgres_records, tmp_path / "keys.json")


def sealed_columns() -> Iterator[tuple[Table, Column[object], Sealed]]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            content = column.info.get(CONTENT)
            if isinstance(content, Sealed):
                yield table, column, content


def test_every_column_of_bytes_says_what_it_holds() -> None:
    silent = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not isinstance(column.info.get(CONTENT), Sealed | Plain)
    ]
    assert silent == []


def test_rotation_knows_every_table_with_keys_and_every_purpose_has_a_place() -> None:
    with_keys = {
        table
        for table in metadata.sorted_tables
        for column in table.columns
        if column.info.get(CONTENT) is Plain.WRAPPED_KEY
    }
    assert set(OWNERS) == set(KeyOwnerKind)
    assert set(OWNERS.values()) == with_keys
    assert {content.purpose for _, _, content in sealed_columns()} == set(Purpose) - IN_THE_STORE


def opened(archive: Archive) -> dict[str, set[bytes]]:
    """What every sealed column says, opened with the keys that are there now."""
    found: dict[str, set[bytes]] = {}
    with archive.records.engine.connect() as connection:
        for table, column, content in sealed_columns():
            said = found.setdefault(f"{table.name}.{column.name}", set())
            for row in connection.execute(select(table).where(column.is_not(None))).mappings():
                owner_id = row.get("document_id") or row.get("run_id") or row["id"]
                owners = OWNERS[content.under]
                wrapped = connection.execute(
                    select(owners.c.key_id, owners.c.key_ciphertext).where(owners.c.id == owner_id)
                ).one()
                page = row.get("page_number") or row.get("number") or 0
                place = Place(DocumentId(owner_id), content.purpose, page)
                said.add(archive.vault.open(WrappedKey(*wrapped), place, row[column.name]))
    return found


def test_everything_opens_after_the_old_key_is_destroyed(archive: Archive) -> None:
    before, old = opened(archive), archive.keys.current_key_id
    assert [name for name, said in before.items() if not said] == []
    secrets = [archive.vault.secret(CLIENT, label) for label in ("webhook", "api-key/k-1")]
    fingerprint = archive.vault.fingerprint(CLIENT, SAID)

    archive.keys.rotate()
    with pytest.raises(Conflict):
        archive.rewrap.check_unused(old)
    steps = list(archive.rewrap(actor="op"))
    assert all(step.rewrapped for step in steps)
    assert len(steps) == len(archive.documents) + len(archive.runs) + 2 + 1
    assert archive.rewrap.in_use().left == 0
    archive.rewrap.check_unused(old)
    archive.keys.destroy(old)

    assert opened(archive) == before
    with archive.records() as uow:
        run = uow.bulk_runs.get(archive.runs[0].id)
        item = uow.bulk_items.get(run.id, 7)
    assert open_about(archive.vault, run).label == "night"
    assert open_source(archive.vault, run, item).name == "a name"
    assert [archive.held.open(event) for event in archive.held.parked()] == [SAID]
    assert [archive.vault.secret(CLIENT, label) for label in ("webhook", "api-key/k-1")] == secrets
    assert archive.vault.fingerprint(CLIENT, SAID) == fingerprint
    assert all(check.fault is None for check in VerifyAudit(archive.records)())
    with archive.records() as uow:
        assert [event.entry.kind for event in uow.audit.events(archive.documents[0].id)] == [AuditKind.KEY_REWRAPPED]
    stale = archive.documents[0]
    with pytest.raises(KeyMissing):
        archive.vault.open(stale.usable_key(), Place(stale.id, Purpose.NAME), stale.name or b"")


def test_a_rotation_that_was_stopped_goes_on_where_it_was(archive: Archive) -> None:
    archive.keys.rotate()
    total = archive.rewrap.in_use().left
    first = [step.owner for step in islice(archive.rewrap(actor="op"), 4)]
    assert archive.rewrap.in_use().left == total - len(first)
    rest = [step.owner for step in archive.rewrap(actor="op")]
    assert (len(rest), set(first) & set(rest)) == (total - len(first), set())
    assert list(archive.rewrap(actor="op")) == []


def test_what_does_not_open_is_told_and_keeps_nothing_else_from_its_turn(archive: Archive) -> None:
    lost, damaged = (document.id for document in archive.documents[:2])
    with archive.records() as uow:
        for document_id, key_id in ((lost, "gone"), (damaged, archive.keys.current_key_id)):
            document = uow.documents.lock(document_id)
            uow.documents.save(replace(document, key=WrappedKey(key_id, bytes(40))))
        uow.commit()
    archive.keys.rotate()
    steps = list(archive.rewrap(actor="op"))
    assert {step.owner.id: type(step.fault) for step in steps if step.fault is not None} == {
        lost: KeyMissing,
        damaged: DecryptionFailed,
    }
    assert all(step.rewrapped != (step.fault is not None) for step in steps)
    assert archive.rewrap.in_use().left == 2


def test_a_listing_under_way_does_not_bring_its_old_key_back(archive: Archive) -> None:
    with archive.records() as uow:
        claimed = uow.listings.claim("bucket", "prefix/", now=NOON, until=NOON + timedelta(hours=1))
        uow.commit()
    assert claimed is not None
    archive.keys.rotate()
    list(archive.rewrap(actor="op"))
    with archive.records() as uow:
        uow.listings.save(replace(claimed, finished_at=NOON))
        uow.commit()
    assert archive.rewrap.in_use().left == 0


def test_what_is_erased_or_gone_meanwhile_is_passed_over(archive: Archive) -> None:
    archive.keys.rotate()
    steps = archive.rewrap(actor="op")
    first = next(steps).owner
    with archive.records() as uow:
        gone = [owner for kind in KeyOwnerKind for owner in uow.data_keys.wrapped_otherwise(kind, "none")]
        for owner in gone:
            if owner.kind is KeyOwnerKind.DOCUMENT and owner != first:
                document = uow.documents.lock(owner.bound_to)
                uow.documents.save(replace(document, key=None))
        uow.commit()
    rewrapped = [step for step in steps if step.rewrapped and step.owner.kind is KeyOwnerKind.DOCUMENT]
    assert rewrapped == []
    assert archive.rewrap.in_use().left == 0
