"""Content-Digest (RFC 9530, section 2): the SHA-256 of a body, said in a header."""

from __future__ import annotations

import hashlib

import http_sf

from ocr_pipeline.signing.errors import SignatureMalformed
from ocr_pipeline.signing.fields import parse_dictionary

ALGORITHM = "sha-256"
EMPTY_SHA256 = hashlib.sha256().digest()
"""The digest of no body at all."""

_BYTES = 32


def content_digest(sha256: bytes) -> str:
    """The header's value for a digest of 32 bytes: `sha-256=:<base64>:`."""
    return http_sf.ser({ALGORITHM: sha256})


def parse_content_digest(value: str) -> bytes:
    """The SHA-256 (32 bytes) that the header says; other algorithms beside it are ignored, as RFC 9530 allows.

    Raises SignatureMalformed for a header without one, or with two.
    """
    match parse_dictionary(value, "content-digest").get(ALGORITHM):
        case (bytes() as digest, {}) if len(digest) == _BYTES:
            return digest
    raise SignatureMalformed("the header content-digest has no sha-256 of 32 bytes")
