"""The vault: AES-256-GCM under a data key a document, the data keys wrapped by a key provider."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ocr_pipeline.adapters.keys import aead
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import Place, WrappedKey
from ocr_pipeline.ports.vault import Fingerprinting, KeyProvider, Sealing

_SECRET_CONTEXT = b"ocr-pipeline/client-secret/1"


class AesGcmVault:
    """Seals and opens what belongs to a document. Safe between threads.

    Every method that needs a key raises what the provider raises: KeyUnavailable, KeyMissing, DecryptionFailed.
    """

    def __init__(self, provider: KeyProvider, cache: DataKeyCache) -> None:
        self._provider = provider
        self._cache = cache

    def new_key(self, document_id: DocumentId) -> WrappedKey:
        """A fresh random data key for a document, wrapped."""
        data_key = aead.new_key()
        wrapped = self._provider.wrap(data_key, document_id)
        self._cache.keep(wrapped, document_id, data_key)
        return wrapped

    def seal(self, key: WrappedKey, place: Place, plaintext: bytes) -> bytes:
        """Encrypt, bound to its place; `aead.OVERHEAD` bytes longer than the plaintext."""
        return aead.seal(self._data_key(key, place.document_id), plaintext, place.associated_data())

    def open(self, key: WrappedKey, place: Place, ciphertext: bytes) -> bytes:
        """Decrypt. Raises DecryptionFailed when a bit, the length, the place or the key differs."""
        return aead.unseal(self._data_key(key, place.document_id), ciphertext, place.associated_data())

    def rewrap(self, key: WrappedKey, document_id: DocumentId) -> WrappedKey:
        """The same data key under the provider's current key; objects need no change."""
        return self._provider.wrap(self._provider.unwrap(key, document_id), document_id)

    def is_current(self, key: WrappedKey) -> bool:
        """Whether the key is wrapped under the provider's current key already."""
        return key.key_id == self._provider.current_key_id

    def fingerprint(self, client_id: ClientId, content: bytes) -> bytes:
        """HMAC-SHA256 (RFC 2104) of the content under the client's own key: 32 bytes."""
        return hmac.digest(self._provider.fingerprint_key(client_id), content, hashlib.sha256)

    def sealing(self, key: WrappedKey, place: Place) -> Sealing:
        """Encrypt in pieces, in the form and under the binding of `seal`."""
        return aead.Sealer(self._data_key(key, place.document_id), place.associated_data())

    def fingerprinting(self, client_id: ClientId) -> Fingerprinting:
        """Take a `fingerprint` in pieces."""
        return hmac.new(self._provider.fingerprint_key(client_id), digestmod=hashlib.sha256)

    def secret(self, client_id: ClientId, label: str) -> bytes:
        """A secret of 32 bytes that only this client shares: HKDF-SHA256 (RFC 5869) of its key for fingerprints.

        HKDF extracts a key of its own first. Expanding the fingerprint key itself would make every secret the
        fingerprint of some content.
        """
        info = _SECRET_CONTEXT + b"\n" + label.encode()
        derivation = HKDF(SHA256(), length=aead.KEY_BYTES, salt=None, info=info)
        return derivation.derive(self._provider.fingerprint_key(client_id))

    def _data_key(self, key: WrappedKey, document_id: DocumentId) -> bytes:
        data_key = self._cache.get(key, document_id)
        if data_key is None:
            data_key = self._provider.unwrap(key, document_id)
            self._cache.keep(key, document_id, data_key)
        return data_key
