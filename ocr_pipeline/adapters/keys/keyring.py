"""Wrapping keys held as bytes: what the key file and the in-memory provider have in common."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ocr_pipeline.adapters.keys import aead
from ocr_pipeline.domain.errors import DecryptionFailed, KeyMissing
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey

_WRAP_CONTEXT = b"ocr-pipeline/data-key/1"
_FINGERPRINT_CONTEXT = b"ocr-pipeline/fingerprint/1"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Wrapping keys by id, the id of the current one, and the secret that fingerprint keys are derived from.

    The fingerprint secret stands apart from the wrapping keys: rotation changes what wraps, never a fingerprint.
    """

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    fingerprint_secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise ValueError("the current key is not in the ring")
        if any(len(secret) != aead.KEY_BYTES for secret in (*self.keys.values(), self.fingerprint_secret)):
            raise ValueError("every key and the fingerprint secret have 32 bytes")
        object.__setattr__(self, "keys", MappingProxyType(dict(self.keys)))

    @classmethod
    def fresh(cls) -> Keyring:
        """A ring of one new random key."""
        key_id = _new_key_id(1)
        return cls(key_id, {key_id: aead.new_key()}, aead.new_key())

    def rotated(self) -> Keyring:
        """The same ring with one new key, which is the current one."""
        key_id = _new_key_id(1 + max(_version_of(known) for known in self.keys))
        return Keyring(key_id, {**self.keys, key_id: aead.new_key()}, self.fingerprint_secret)

    def without(self, key_id: str) -> Keyring:
        """The same ring less one key that is not the current one. Raises ValueError for the current or no known one."""
        if key_id == self.current or key_id not in self.keys:
            raise ValueError("only a known key that is not the current one can be taken out")
        return Keyring(self.current, {k: v for k, v in self.keys.items() if k != key_id}, self.fingerprint_secret)

    def wrap(self, data_key: bytes, document_id: DocumentId) -> WrappedKey:
        """Encrypt a data key under the current key, bound to its document."""
        sealed = aead.seal(self.keys[self.current], data_key, _binding(self.current, document_id))
        return WrappedKey(self.current, sealed)

    def unwrap(self, wrapped: WrappedKey, document_id: DocumentId) -> bytes:
        """The data key. Raises KeyMissing for a key id that is not in the ring, DecryptionFailed otherwise."""
        key = self.keys.get(wrapped.key_id)
        if key is None:
            raise KeyMissing("the key that wraps this document's data key is not in the key ring")
        data_key = aead.unseal(key, wrapped.ciphertext, _binding(wrapped.key_id, document_id))
        if len(data_key) != aead.KEY_BYTES:
            raise DecryptionFailed("what was wrapped is no data key")
        return data_key

    def fingerprint_key(self, client_id: ClientId) -> bytes:
        """HKDF-SHA256 (RFC 5869) of the fingerprint secret with the client's id: 32 bytes."""
        info = _FINGERPRINT_CONTEXT + b"\n" + client_id.encode()
        return HKDF(SHA256(), length=aead.KEY_BYTES, salt=None, info=info).derive(self.fingerprint_secret)


def _binding(key_id: str, document_id: DocumentId) -> bytes:
    return b"\n".join((_WRAP_CONTEXT, str(document_id).encode(), key_id.encode()))


def _version_of(key_id: str) -> int:
    """The number that `_new_key_id` put into an id; 0 for an id of another form."""
    _, _, rest = key_id.partition("-")
    number, _, _ = rest.partition("-")
    return int(number) if number.isdecimal() else 0


def _new_key_id(version: int) -> str:
    # The random part tells apart the rings of two installations, so that a key of one is missing in the other
    # instead of failing to open.
    return f"local-{version:04d}-{secrets.token_hex(4)}"
