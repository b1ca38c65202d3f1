from __future__ import annotations

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
