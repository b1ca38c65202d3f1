"""A body is held against its digest while it streams in."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.gateway.auth import BodyDigest, DigestMismatch
from ocr_pipeline.signing import EMPTY_SHA256

pieces = st.lists(st.binary(max_size=50), max_size=6)


@given(pieces)
def test_the_body_that_was_announced_passes(chunks: list[bytes]) -> None:
    digest = BodyDigest(hashlib.sha256(b"".join(chunks)).digest())
    for chunk in chunks:
        digest.update(chunk)
    digest.finish()


@given(pieces, st.binary(min_size=1, max_size=50))
def test_another_body_does_not(chunks: list[bytes], more: bytes) -> None:
    digest = BodyDigest(hashlib.sha256(b"".join(chunks) + more).digest())
    for chunk in chunks:
        digest.update(chunk)
    with pytest.raises(DigestMismatch):
        digest.finish()


def test_a_body_where_none_was_signed_is_refused_at_its_first_byte() -> None:
    digest = BodyDigest(EMPTY_SHA256)
    digest.update(b"")
    with pytest.raises(DigestMismatch):
        digest.update(b"x")


def test_where_nobody_said_anything_every_body_passes() -> None:
    digest = BodyDigest(None)
    digest.update(b"x")
    digest.finish()
