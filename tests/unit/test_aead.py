from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ocr_pipeline.adapters.keys import aead
from ocr_pipeline.domain.errors import DecryptionFailed

KEY = bytes(range(32))


def test_the_form_is_header_nonce_ciphertext_tag() -> None:
    sealed = aead.seal(KEY, b"text", b"place")
    assert sealed[:4] == b"OCR\x01"
    assert len(sealed) == 4 + 12 + 4 + 16 == len(b"text") + aead.OVERHEAD
    assert AESGCM(KEY).decrypt(sealed[4:16], sealed[16:], b"OCR\x01place") == b"text"


def test_a_ciphertext_kept_for_years_opens() -> None:
    kept = bytes.fromhex("4f435201000102030405060708090a0b2c67a66fe583ad69ad38f2eac39af5c02c298508e89c271ac7bd5fa1c737")
    assert aead.unseal(KEY, kept, b"place") == b"kept for years"


def test_no_two_ciphertexts_are_alike() -> None:
    assert len({aead.seal(KEY, b"text", b"place") for _ in range(100)}) == 100


def test_another_version_is_named_as_such() -> None:
    sealed = aead.seal(KEY, b"text", b"place")
    with pytest.raises(DecryptionFailed, match="no known version"):
        aead.unseal(KEY, b"OCR\x02" + sealed[4:], b"place")


@pytest.mark.parametrize("length", [0, 3, 4, 16, 31])
def test_what_is_too_short_is_named_as_such(length: int) -> None:
    with pytest.raises(DecryptionFailed, match="cut short"):
        aead.unseal(KEY, aead.seal(KEY, b"", b"")[:length], b"")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_a_mistake_of_the_caller(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        aead.seal(bytes(length), b"text", b"place")


def test_fresh_keys_differ() -> None:
    assert len({aead.new_key() for _ in range(100)}) == 100
    assert len(aead.new_key()) == 32


@pytest.mark.parametrize("pieces", [[], [b""], [b"text"], [b"te", b"", b"xt"], [b"t", b"e", b"x", b"t"]])
def test_sealed_in_pieces_is_byte_for_byte_sealed_at_once(pieces: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda length: bytes(range(length)))
    sealer = aead.Sealer(KEY, b"place")
    sealed = b"".join([*map(sealer.update, pieces), sealer.finish()])
    assert sealed == aead.seal(KEY, b"".join(pieces), b"place")


def test_every_piece_comes_out_at_once_so_that_nothing_gathers() -> None:
    sealer = aead.Sealer(KEY, b"place")
    assert [len(sealer.update(bytes(size))) for size in (10, 0, 7, 100_000)] == [16 + 10, 0, 7, 100_000]
    assert len(sealer.finish()) == 16


def test_what_was_finished_takes_no_more() -> None:
    sealer = aead.Sealer(KEY, b"place")
    sealer.finish()
    calls: list[Callable[[], bytes]] = [lambda: sealer.update(b"more"), sealer.finish]
    for call in calls:
        with pytest.raises(ValueError, match="finished before"):
            call()


def test_two_that_seal_in_pieces_share_no_nonce() -> None:
    assert len({aead.Sealer(KEY, b"place").update(b"text") for _ in range(100)}) == 100


def test_sealing_in_pieces_asks_for_a_key_of_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        aead.Sealer(bytes(16), b"place")
