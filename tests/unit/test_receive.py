from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.objects.memory import MemoryObjectStore
from ocr_pipeline.domain.documents import DocumentKind, MediaType
from ocr_pipeline.domain.errors import Refused, StoreUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.priorities import Priority, class_for
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.intake.receive import TELLING_BYTES, ArrivedFile, ArrivingFile
from ocr_pipeline.intake.requests import request_digest
from ocr_pipeline.intake.sniff import sniff
from tests.unit.world import CLIENT, PNG, arrival

MOST = 5000
PLACE = Place(DocumentId(UUID(int=1)), Purpose.ORIGINAL)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEOUL = timezone(timedelta(hours=9))

starts = st.sampled_from([b"", PNG, b"\xff\xd8\xff", b"%PDF-1.7", b"\r\n%PDF-1.4", b"GIF89a", b"PK\x03\x04", b"<html>"])
contents = st.builds(
    lambda before, start, rest: b"\0" * before + start + rest, st.integers(0, 1100), starts, st.binary(max_size=2000)
)


class Desk:
    """A vault and a store, and one file on its way between them."""

    def __init__(self, *, max_bytes: int = MOST) -> None:
        self.store, self.vault = MemoryObjectStore(), AesGcmVault(MemoryKeyProvider(), DataKeyCache(1, 60))
        self.key = self.vault.new_key(PLACE.document_id)
        self.max_bytes = max_bytes

    def receive(self, *chunks: bytes) -> ArrivedFile:
        with self.store.writing("a") as writer:
            file = self.arriving(writer)
            for chunk in chunks:
                file.write(chunk)
            arrived = file.finish()
            writer.commit()
        return arrived

    def arriving(self, writer: Any) -> ArrivingFile:
        return ArrivingFile(
            self.vault.sealing(self.key, PLACE),
            self.vault.fingerprinting(CLIENT),
            writer,
            max_bytes=self.max_bytes,
            formats=frozenset(MediaType),
        )


def split(content: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    return (content[start:end] for start, end in pairwise(edges))


def outcome_of(act: Callable[[], ArrivedFile]) -> ArrivedFile | tuple[str, str]:
    """What came of it: the file, or why it was refused."""
    try:
        return act()
    except Refused as refusal:
        return refusal.reason, str(refusal)


@given(contents, st.lists(st.integers(0, 3200), max_size=6))
@example(b"\0" * 1024 + b"%PDF-1.7", [1026, 1027])
@example(b"\0" * 1025 + b"%PDF-1.7", [1026])
def test_however_a_file_is_cut_it_is_the_same_file(content: bytes, cuts: list[int]) -> None:
    desk = Desk()

    def whole() -> ArrivedFile:
        return ArrivedFile(len(content), sniff(content), desk.vault.fingerprint(CLIENT, content))

    outcome = outcome_of(lambda: desk.receive(*split(content, cuts)))
    assert outcome == outcome_of(whole)
    if isinstance(outcome, ArrivedFile):
        assert desk.vault.open(desk.key, PLACE, desk.store.get("a")) == content
    else:
        assert list(desk.store.keys()) == []


@pytest.mark.parametrize("size", [MOST - 1, MOST])
def test_a_file_of_just_the_bound_is_taken(size: int) -> None:
    content = PNG + bytes(size - len(PNG))
    assert Desk().receive(content[:100], content[100:]).size == size


def test_a_file_is_refused_with_the_first_byte_too_many() -> None:
    desk = Desk()
    with desk.store.writing("a") as writer:
        file = desk.arriving(writer)
        file.write(PNG + bytes(MOST - len(PNG)))
        with pytest.raises(Refused) as caught:
            file.write(b"!")
        assert (caught.value.reason, caught.value.limit) == ("too_large", f"max_file_bytes={MOST}")


def test_a_foreign_file_is_refused_once_its_first_kilobyte_is_there() -> None:
    desk = Desk()
    with desk.store.writing("a") as writer:
        file = desk.arriving(writer)
        file.write(b"<html>" + bytes(TELLING_BYTES - 7))
        with pytest.raises(Refused) as caught:
            file.write(b"\0")
        assert caught.value.reason == "unsupported_format"


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty_file"), (b"<html>", "unsupported_format")])
def test_a_short_file_is_judged_at_its_end(content: bytes, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        Desk().receive(content)
    assert caught.value.reason == reason


def test_after_an_error_a_file_has_ended() -> None:
    desk = Desk()
    with desk.store.writing("a") as writer:
        file = desk.arriving(writer)
        file.write(PNG)
        desk.store.available = False
        with pytest.raises(StoreUnavailable):
            file.write(b"lost")
        desk.store.available = True
        for call in (lambda: file.write(b"more"), file.finish):
            with pytest.raises(ValueError, match="has ended"):
                call()


def test_a_file_finishes_once() -> None:
    desk = Desk()
    with desk.store.writing("a") as writer:
        file = desk.arriving(writer)
        file.write(PNG)
        file.finish()
        for call in (lambda: file.write(b"more"), file.finish):
            with pytest.raises(ValueError, match="has ended"):
                call()


# What tells requests apart

FINGERPRINT = bytes(range(32))
SAID: dict[str, Any] = {
    "name": "홍길동.png",
    "kind": DocumentKind.CHART,
    "priority": Priority.BULK,
    "deadline": NOW,
    "reference": "환자 900101-1234567",
    "callback": "https://clinic.example/hook",
    "again": True,
}


def test_equal_requests_have_one_digest_whoever_sends_them_whenever() -> None:
    vault = Desk().vault
    first = request_digest(vault, arrival(**SAID), FINGERPRINT)
    same = {**SAID, "deadline": NOW.astimezone(SEOUL), "actor": "another", "idempotency": "key"}
    assert request_digest(vault, arrival(**same), FINGERPRINT) == first
    assert len(first) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"name": "홍길순.png"},
        {"kind": DocumentKind.PRESCRIPTION},
        {"priority": Priority.ROUTINE},
        {"deadline": NOW + timedelta(microseconds=1)},
        {"deadline": None},
        {"reference": None},
        {"reference": ""},
        {"callback": None},
        {"callback": SAID["reference"], "reference": SAID["callback"]},
        {"again": False},
        {"client_id": ClientId("hospital-b")},
    ],
)
def test_a_request_that_asks_for_something_else_has_another_digest(change: dict[str, Any]) -> None:
    vault = Desk().vault
    first = request_digest(vault, arrival(**SAID), FINGERPRINT)
    assert request_digest(vault, arrival(**{**SAID, **change}), FINGERPRINT) != first
    assert request_digest(vault, arrival(**SAID), FINGERPRINT[::-1]) != first


def test_a_digest_tells_nothing_to_who_has_no_key() -> None:
    assert request_digest(Desk().vault, arrival(**SAID), FINGERPRINT) != request_digest(
        Desk().vault, arrival(**SAID), FINGERPRINT
    )


def test_what_a_client_says_is_in_no_representation() -> None:
    shown = repr(arrival(**SAID))
    assert not any(SAID[field] in shown for field in ("name", "reference", "callback"))


# The class that a deadline gives

priorities = st.sampled_from(Priority)
seconds = st.integers(-100_000, 100_000)


@given(seconds, seconds, priorities)
def test_a_deadline_never_lowers_and_a_nearer_one_never_ranks_below(first: int, second: int, asked: Priority) -> None:
    nearer, farther = (
        class_for(NOW + timedelta(seconds=left), NOW, asked) for left in (min(first, second), max(first, second))
    )
    assert nearer <= farther <= asked
    assert class_for(None, NOW, asked) is asked


@pytest.mark.parametrize(
    ("left", "asked", "given"),
    [
        (timedelta(days=-1), Priority.BULK, Priority.URGENT),
        (timedelta(0), Priority.BULK, Priority.URGENT),
        (timedelta(minutes=2), Priority.BULK, Priority.URGENT),
        (timedelta(minutes=2, microseconds=1), Priority.BULK, Priority.ROUTINE),
        (timedelta(minutes=2, microseconds=1), Priority.ROUTINE, Priority.ROUTINE),
        (timedelta(minutes=30), Priority.URGENT, Priority.URGENT),
        (timedelta(hours=1), Priority.BULK, Priority.ROUTINE),
        (timedelta(hours=1, microseconds=1), Priority.BULK, Priority.BULK),
        (timedelta(hours=9), Priority.ROUTINE, Priority.ROUTINE),
    ],
)
def test_the_class_of_a_deadline(left: timedelta, asked: Priority, given: Priority) -> None:
    assert class_for(NOW + left, NOW, asked) is given
    assert class_for((NOW + left).astimezone(SEOUL), NOW, asked) is given
