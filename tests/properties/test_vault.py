"""The vault: what is sealed opens in its place alone, through every rotation."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.errors import DecryptionFailed, KeyUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.ports.vault import Vault

Value = TypeVar("Value")

documents = st.uuids().map(DocumentId)
places = st.builds(Place, documents, st.sampled_from(Purpose), st.integers(0, 5000))
contents = st.binary(max_size=600)
clients = st.text(min_size=1, max_size=40).filter(lambda name: name.isprintable()).map(ClientId)
splits = st.lists(st.binary(max_size=200), max_size=8)
cache_sizes = st.sampled_from([0, 1, 8])


class CountingProvider(MemoryKeyProvider):
    """Counts how often it is asked to unwrap."""

    def __init__(self) -> None:
        super().__init__()
        self.unwrapped = 0

    def unwrap(self, wrapped: WrappedKey, document_id: DocumentId) -> bytes:
        self.unwrapped += 1
        return super().unwrap(wrapped, document_id)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def vault_with(entries: int, provider: MemoryKeyProvider | None = None, clock: Clock | None = None) -> Vault:
    return AesGcmVault(provider or MemoryKeyProvider(), DataKeyCache(entries, 60, clock or Clock()))


def pairs_of_different(values: st.SearchStrategy[Value]) -> st.SearchStrategy[tuple[Value, Value]]:
    return st.tuples(values, values).filter(lambda pair: pair[0] != pair[1])


@given(places, contents, cache_sizes)
def test_what_is_sealed_opens(place: Place, content: bytes, entries: int) -> None:
    vault = vault_with(entries)
    key = vault.new_key(place.document_id)
    sealed = vault.seal(key, place, content)
    assert vault.open(key, place, sealed) == content
    if len(content) > 8:
        assert content not in sealed


@given(places, contents, st.data())
def test_a_single_changed_bit_is_noticed(place: Place, content: bytes, data: st.DataObject) -> None:
    vault = vault_with(1)
    key = vault.new_key(place.document_id)
    sealed = bytearray(vault.seal(key, place, content))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecryptionFailed):
        vault.open(key, place, bytes(sealed))


@given(places, contents, st.data())
def test_a_missing_or_added_byte_is_noticed(place: Place, content: bytes, data: st.DataObject) -> None:
    vault = vault_with(1)
    key = vault.new_key(place.document_id)
    sealed = vault.seal(key, place, content)
    start = data.draw(st.integers(0, len(sealed) - 1))
    end = data.draw(st.integers(start + 1, len(sealed)))
    for changed in (sealed[:start] + sealed[end:], sealed + sealed[start:end], sealed[start:end] + sealed):
        with pytest.raises(DecryptionFailed):
            vault.open(key, place, changed)


@given(pairs_of_different(places), contents, cache_sizes)
def test_nothing_opens_in_another_place(pair: tuple[Place, Place], content: bytes, entries: int) -> None:
    vault, (place, other) = vault_with(entries), pair
    key = vault.new_key(place.document_id)
    sealed = vault.seal(key, place, content)
    with pytest.raises(DecryptionFailed):
        vault.open(key, other, sealed)


@given(documents, st.tuples(st.sampled_from(Purpose), st.integers(0, 9)), contents)
def test_each_field_of_the_place_counts(document: DocumentId, rest: tuple[Purpose, int], content: bytes) -> None:
    vault, (purpose, page) = vault_with(1), rest
    key = vault.new_key(document)
    sealed = vault.seal(key, Place(document, purpose, page), content)
    for other in [Place(document, each, page) for each in Purpose if each is not purpose]:
        with pytest.raises(DecryptionFailed):
            vault.open(key, other, sealed)
    with pytest.raises(DecryptionFailed):
        vault.open(key, Place(document, purpose, page + 1), sealed)


@given(pairs_of_different(documents), contents, cache_sizes)
def test_neither_the_object_nor_the_key_of_another_document_opens(
    pair: tuple[DocumentId, DocumentId], content: bytes, entries: int
) -> None:
    vault = vault_with(entries)
    place, other = (Place(document, Purpose.ORIGINAL) for document in pair)
    key, other_key = vault.new_key(place.document_id), vault.new_key(other.document_id)
    sealed = vault.seal(key, place, content)
    for wrong_key, wrong_place in ((other_key, other), (other_key, place), (key, other)):
        with pytest.raises(DecryptionFailed):
            vault.open(wrong_key, wrong_place, sealed)


@given(places, contents)
def test_a_second_key_of_the_same_document_does_not_open(place: Place, content: bytes) -> None:
    vault = vault_with(8)
    sealed = vault.seal(vault.new_key(place.document_id), place, content)
    with pytest.raises(DecryptionFailed):
        vault.open(vault.new_key(place.document_id), place, sealed)


@given(clients, contents)
def test_equal_content_of_one_client_has_one_fingerprint(client: ClientId, content: bytes) -> None:
    provider = MemoryKeyProvider()
    first = vault_with(0, provider).fingerprint(client, content)
    provider.rotate()
    assert vault_with(0, provider).fingerprint(client, bytes(content)) == first
    assert len(first) == 32
    assert vault_with(0).fingerprint(client, content) != first


@given(pairs_of_different(clients), contents)
def test_equal_content_of_two_clients_has_two_fingerprints(pair: tuple[ClientId, ClientId], content: bytes) -> None:
    vault = vault_with(0)
    assert vault.fingerprint(pair[0], content) != vault.fingerprint(pair[1], content)


@given(clients, pairs_of_different(contents))
def test_different_content_has_different_fingerprints(client: ClientId, pair: tuple[bytes, bytes]) -> None:
    vault = vault_with(0)
    assert vault.fingerprint(client, pair[0]) != vault.fingerprint(client, pair[1])


def sealed_in_pieces(vault: Vault, key: WrappedKey, place: Place, pieces: list[bytes]) -> bytes:
    sealing = vault.sealing(key, place)
    return b"".join([*map(sealing.update, pieces), sealing.finish()])


@given(places, splits, cache_sizes)
def test_what_is_sealed_in_pieces_opens_whole(place: Place, pieces: list[bytes], entries: int) -> None:
    vault, content = vault_with(entries), b"".join(pieces)
    key = vault.new_key(place.document_id)
    sealed = sealed_in_pieces(vault, key, place, pieces)
    assert vault.open(key, place, sealed) == content
    assert len(sealed) == len(vault.seal(key, place, content))


@given(places, splits, st.data())
def test_what_was_sealed_in_pieces_and_then_changed_or_cut_does_not_open(
    place: Place, pieces: list[bytes], data: st.DataObject
) -> None:
    vault = vault_with(1)
    key = vault.new_key(place.document_id)
    sealed = sealed_in_pieces(vault, key, place, pieces)
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    for changed in (bytes(flipped), sealed[: bit // 8], sealed + b"\0"):
        with pytest.raises(DecryptionFailed):
            vault.open(key, place, changed)


@given(places, splits)
def test_what_was_never_finished_does_not_open(place: Place, pieces: list[bytes]) -> None:
    vault = vault_with(1)
    key = vault.new_key(place.document_id)
    sealing = vault.sealing(key, place)
    with pytest.raises(DecryptionFailed):
        vault.open(key, place, b"".join(map(sealing.update, pieces)))


@given(pairs_of_different(places), splits)
def test_what_was_sealed_in_pieces_opens_in_its_place_alone(pair: tuple[Place, Place], pieces: list[bytes]) -> None:
    vault, (place, other) = vault_with(1), pair
    key = vault.new_key(place.document_id)
    with pytest.raises(DecryptionFailed):
        vault.open(key, other, sealed_in_pieces(vault, key, place, pieces))


@given(clients, splits)
def test_a_fingerprint_in_pieces_is_that_of_the_whole(client: ClientId, pieces: list[bytes]) -> None:
    vault = vault_with(0)
    fingerprinting = vault.fingerprinting(client)
    for piece in pieces:
        fingerprinting.update(piece)
    assert fingerprinting.digest() == vault.fingerprint(client, b"".join(pieces))


labels = st.text(st.characters(codec="utf-8"), max_size=40)


@given(clients, labels)
def test_a_secret_stays_the_same_through_rotations(client: ClientId, label: str) -> None:
    provider = MemoryKeyProvider()
    first = vault_with(0, provider).secret(client, label)
    provider.rotate()
    assert vault_with(0, provider).secret(client, label) == first
    assert len(first) == 32
    assert vault_with(0).secret(client, label) != first


@given(pairs_of_different(clients), pairs_of_different(labels))
def test_another_client_or_another_label_has_another_secret(
    pair: tuple[ClientId, ClientId], two: tuple[str, str]
) -> None:
    vault = vault_with(0)
    assert len({vault.secret(client, label) for client in pair for label in two}) == 4


@given(clients, labels)
def test_no_content_has_a_secret_for_its_fingerprint(client: ClientId, label: str) -> None:
    provider = MemoryKeyProvider()
    vault, info = vault_with(0, provider), b"ocr-pipeline/client-secret/1\n" + label.encode()
    secret = vault.secret(client, label)
    # What HKDF would compute without its first step: the fingerprint of a content that anybody may send.
    for content in (label.encode(), info, info + b"\x01"):
        assert vault.fingerprint(client, content) != secret
    assert secret != provider.fingerprint_key(client)


class Rotations(RuleBasedStateMachine):
    """Seal, rotate and rewrap in any order: everything ever sealed opens, and rewrapped keys are current."""

    sealed = Bundle("sealed")

    def __init__(self) -> None:
        super().__init__()
        self.provider = MemoryKeyProvider()
        self.vault = vault_with(2, self.provider)

    @rule(target=sealed, place=places, content=contents)
    def seal(self, place: Place, content: bytes) -> tuple[WrappedKey, Place, bytes, bytes]:
        key = self.vault.new_key(place.document_id)
        assert self.vault.is_current(key)
        return key, place, content, self.vault.seal(key, place, content)

    @rule()
    def rotate(self) -> None:
        before = self.provider.current_key_id
        assert self.provider.rotate() == self.provider.current_key_id != before

    @rule(target=sealed, kept=sealed)
    def rewrap(self, kept: tuple[WrappedKey, Place, bytes, bytes]) -> tuple[WrappedKey, Place, bytes, bytes]:
        key, place, content, ciphertext = kept
        rewrapped = self.vault.rewrap(key, place.document_id)
        assert self.vault.is_current(rewrapped)
        return rewrapped, place, content, ciphertext

    @rule(kept=sealed)
    def open(self, kept: tuple[WrappedKey, Place, bytes, bytes]) -> None:
        key, place, content, ciphertext = kept
        assert self.vault.is_current(key) == (key.key_id == self.provider.current_key_id)
        assert self.vault.open(key, place, ciphertext) == content
        assert vault_with(0, self.provider).open(key, place, ciphertext) == content


TestRotations = Rotations.TestCase


def test_a_provider_is_asked_once_for_the_pages_of_a_document() -> None:
    provider, document = CountingProvider(), DocumentId(UUID(int=1))
    key = vault_with(4, provider).new_key(document)
    vault = vault_with(4, provider)
    for page in range(1, 20):
        vault.seal(key, Place(document, Purpose.PAGE_TEXT, page), b"text")
    assert provider.unwrapped == 1


def test_without_entries_the_provider_is_asked_every_time() -> None:
    provider, document = CountingProvider(), DocumentId(UUID(int=1))
    vault = vault_with(0, provider)
    key = vault.new_key(document)
    for _ in range(3):
        vault.seal(key, Place(document, Purpose.ORIGINAL), b"")
    assert provider.unwrapped == 3


def test_a_data_key_is_forgotten_after_its_time() -> None:
    provider, clock, document = MemoryKeyProvider(), Clock(), DocumentId(UUID(int=1))
    vault, place = vault_with(4, provider, clock), Place(document, Purpose.ORIGINAL)
    key = vault.new_key(document)
    provider.available = False
    clock.now = 59.9
    sealed = vault.seal(key, place, b"content")
    clock.now = 60.0
    with pytest.raises(KeyUnavailable):
        vault.open(key, place, sealed)


@given(st.integers(0, 4), st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 30)), max_size=40))
def test_a_cache_is_bounded_and_never_wrong(entries: int, steps: list[tuple[int, bool, int]]) -> None:
    clock = Clock()
    cache, kept_at = DataKeyCache(entries, 60, clock), dict[int, float]()
    for number, keep, seconds in steps:
        clock.now += seconds
        wrapped, document = WrappedKey("k", bytes([number])), DocumentId(UUID(int=number))
        if keep:
            cache.keep(wrapped, document, bytes([number]))
            kept_at[number] = clock.now
        found = cache.get(wrapped, document)
        assert found in (None, bytes([number]))
        assert found is None or clock.now < kept_at[number] + 60
        assert cache.get(wrapped, DocumentId(UUID(int=number + 100))) is None
        assert len(cache) <= entries


def test_the_least_used_data_key_leaves_first() -> None:
    cache, document = DataKeyCache(2, 60, Clock()), DocumentId(UUID(int=1))
    first, second, third = (WrappedKey("k", name) for name in (b"1", b"2", b"3"))
    cache.keep(first, document, b"1")
    cache.keep(second, document, b"2")
    cache.get(first, document)
    cache.keep(third, document, b"3")
    assert [cache.get(key, document) for key in (first, second, third)] == [b"1", None, b"3"]


def test_threads_share_a_vault() -> None:
    vault, start = vault_with(2), threading.Barrier(6)

    def work(number: int) -> bool:
        place = Place(DocumentId(UUID(int=number)), Purpose.PAGE_IMAGE, 1)
        key = vault.new_key(place.document_id)
        start.wait(timeout=120)
        return all(vault.open(key, place, vault.seal(key, place, bytes([i]))) == bytes([i]) for i in range(100))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(6)))
