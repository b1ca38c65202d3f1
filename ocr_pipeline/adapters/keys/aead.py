"""One form of ciphertext for everything sealed: a header with a version, a nonce, AES-256-GCM.

    header (4 bytes, "OCR" and the version 0x01) | nonce (12 bytes) | ciphertext | tag (16 bytes)

The header is part of the associated data, so a version cannot be changed without notice. Nonces are random:
NIST SP 800-38D, section 8.3, bounds one key to 2**32 of them, far above the messages of one document and above the
documents of one wrapping key that is rotated now and then.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import AlreadyFinalized, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

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


class Sealer:
    """A plaintext being sealed in pieces: all that `update` and `finish` give, put together, is what `seal` would give.

    Used by one thread, for one plaintext.
    """

    def __init__(self, key: bytes, associated_data: bytes) -> None:
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._head = HEADER + nonce
        self._encryptor = Cipher(AES(_checked(key)), GCM(nonce)).encryptor()
        self._encryptor.authenticate_additional_data(HEADER + associated_data)

    def update(self, plaintext: bytes) -> bytes:
        """The ciphertext of a piece, as long as the piece; before the first come header and nonce."""
        with _unfinished():
            return self._taken_head() + self._encryptor.update(plaintext)

    def finish(self) -> bytes:
        """The tag, without which nothing opens; for a plaintext of no pieces, all there is."""
        with _unfinished():
            return self._taken_head() + self._encryptor.finalize() + self._encryptor.tag

    def _taken_head(self) -> bytes:
        head, self._head = self._head, b""
        return head


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(_checked(key))


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return key


@contextmanager
def _unfinished() -> Iterator[None]:
    try:
        yield
    except AlreadyFinalized:
        raise ValueError("what is sealed was finished before") from None
