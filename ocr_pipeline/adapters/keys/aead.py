"""One form of ciphertext for everything sealed: a header with a version, a nonce, AES-256-GCM.

    header (4 bytes, "OCR" and the version 0x01) | nonce (12 bytes) | ciphertext | tag (16 bytes)

The header is part of the associated data, so a version cannot be changed without notice. Nonces are random:
NIST SP 800-38D, section 8.3, bounds one key to 2**32 of them, far above the messages of one document and above the
documents of one wrapping key that is rotated now and then.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ocr_pipeline.domain.errors import DecryptionFailed

KEY_BYTES = 32
HEADER = b"OCR\x01"
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD = len(HEADER) + NONCE_BYTES + TAG_BYTES
"""How many bytes longer a ciphertext is than its plaintext."""

_BODY = len(HEADER) + NONCE_BYTES


def new_key() -> bytes:
    """A fresh random key of 32 bytes."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Encrypt under a 32-byte key, bound to the associated data."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return HEADER + nonce + _cipher(key).encrypt(nonce, plaintext, HEADER + associated_data)


def unseal(key: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """Decrypt what `seal` made. Raises DecryptionFailed when a bit, the length, the key or the binding differs."""
    if len(sealed) < OVERHEAD:
        raise DecryptionFailed("the ciphertext is cut short")
    if not sealed.startswith(HEADER):
        raise DecryptionFailed("the ciphertext is of no known version")
    nonce, body = sealed[len(HEADER) : _BODY], memoryview(sealed)[_BODY:]
    try:
        return _cipher(key).decrypt(nonce, body, HEADER + associated_data)
    except InvalidTag:
        raise DecryptionFailed("the ciphertext does not open: changed, misplaced or under another key") from None


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return AESGCM(key)
