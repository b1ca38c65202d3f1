"""Holding a body against its digest while it streams in."""

from __future__ import annotations

import hashlib
import hmac

from ocr_pipeline.gateway.auth.errors import DigestMismatch
from ocr_pipeline.signing import EMPTY_SHA256


class BodyDigest:
    """Hashes what passes and says at the end whether it is what was announced.

    `expected` is a SHA-256 of 32 bytes; None lets every body pass.
    """

    def __init__(self, expected: bytes | None) -> None:
        self._expected = expected
        self._hash = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        """Take a piece. Raises DigestMismatch at once where there should be no body at all."""
        if chunk and self._expected == EMPTY_SHA256:
            raise DigestMismatch("the request has a body, and none was signed")
        self._hash.update(chunk)

    def finish(self) -> None:
        """After the last piece. Raises DigestMismatch; until this has returned, nothing of the body may be kept."""
        if self._expected is not None and not hmac.compare_digest(self._hash.digest(), self._expected):
            raise DigestMismatch("the body is not the one that was signed")
