"""Sealing of data at rest: one data key a document, wrapped by a key provider."""

from __future__ import annotations

from typing import Protocol

from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import Place, WrappedKey


class KeyProvider(Protocol):
    """Wraps data keys under keys that never leave it (a key file, a KMS). Safe between threads."""

    @property
    def current_key_id(self) -> str:
        """The id of the key that wraps new data keys."""
        ...

    def wrap(self, data_key: bytes, document_id: DocumentId) -> WrappedKey:
        """Encrypt a data key (32 bytes), bound to its document. Raises KeyUnavailable."""
        ...

    def unwrap(self, wrapped: WrappedKey, document_id: DocumentId) -> bytes:
        """The data key. Raises KeyUnavailable, KeyMissing for an unknown key id, DecryptionFailed otherwise."""
        ...

    def fingerprint_key(self, client_id: ClientId) -> bytes:
        """A 32-byte secret of this client alone, the same at every call, for keyed fingerprints."""
        ...

    def check(self) -> None:
        """Prove by wrapping and unwrapping that the provider works. Raises KeyUnavailable."""
        ...


class Sealing(Protocol):
    """Something being sealed in pieces. What `update` and `finish` give, in order, is what `Vault.seal` would give."""

    def update(self, plaintext: bytes) -> bytes:
        """The ciphertext of a piece, with what goes before it."""
        ...

    def finish(self) -> bytes:
        """The end of the ciphertext. Without it nothing can be opened."""
        ...


class Fingerprinting(Protocol):
    """A fingerprint being taken in pieces."""

    def update(self, content: bytes) -> None:
        """Take a piece."""
        ...

    def digest(self) -> bytes:
        """What `Vault.fingerprint` gives for all pieces together."""
        ...


class Vault(Protocol):
    """Seals and opens what belongs to a document. Safe between threads."""

    def new_key(self, document_id: DocumentId) -> WrappedKey:
        """A fresh random data key for a document, wrapped."""
        ...

    def seal(self, key: WrappedKey, place: Place, plaintext: bytes) -> bytes:
        """Encrypt, bound to its place."""
        ...

    def open(self, key: WrappedKey, place: Place, ciphertext: bytes) -> bytes:
        """Decrypt. Raises DecryptionFailed when a bit, the length, the place or the key differs."""
        ...

    def rewrap(self, key: WrappedKey, document_id: DocumentId) -> WrappedKey:
        """The same data key under the provider's current key; objects need no change."""
        ...

    def is_current(self, key: WrappedKey) -> bool:
        """Whether the key is wrapped under the provider's current key already."""
        ...

    def fingerprint(self, client_id: ClientId, content: bytes) -> bytes:
        """HMAC-SHA256 of the content under the client's own key: equal content, equal bytes, within one client."""
        ...

    def sealing(self, key: WrappedKey, place: Place) -> Sealing:
        """Encrypt in pieces, in the form and under the binding of `seal`."""
        ...

    def fingerprinting(self, client_id: ClientId) -> Fingerprinting:
        """Take a `fingerprint` in pieces."""
        ...

    def secret(self, client_id: ClientId, label: str) -> bytes:
        """A secret of 32 bytes that only this client shares, the same at every call; other labels, other secrets."""
        ...
