"""Wrapping keys in memory: for tests and trials. What is sealed is lost with the process."""

from __future__ import annotations

import threading

from ocr_pipeline.adapters.keys.keyring import Keyring
from ocr_pipeline.domain.errors import KeyUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey


class MemoryKeyProvider:
    """A key ring without a file. `available = False` makes it behave as a provider that does not answer."""

    def __init__(self) -> None:
        self.available = True
        self._lock = threading.Lock()
        self._ring = Keyring.fresh()

    @property
    def current_key_id(self) -> str:
        """The id of the key that wraps new data keys. Raises KeyUnavailable."""
        return self._reachable_ring().current

    def wrap(self, data_key: bytes, document_id: DocumentId) -> WrappedKey:
        """Encrypt a data key, bound to its document. Raises KeyUnavailable."""
        return self._reachable_ring().wrap(data_key, document_id)

    def unwrap(self, wrapped: WrappedKey, document_id: DocumentId) -> bytes:
        """The data key. Raises KeyUnavailable, KeyMissing or DecryptionFailed."""
        return self._reachable_ring().unwrap(wrapped, document_id)

    def fingerprint_key(self, client_id: ClientId) -> bytes:
        """A 32-byte secret of this client alone. Raises KeyUnavailable."""
        return self._reachable_ring().fingerprint_key(client_id)

    def check(self) -> None:
        """Raise KeyUnavailable while the provider is switched off."""
        self._reachable_ring()

    def rotate(self) -> str:
        """Add a key and make it the current one; returns its id."""
        with self._lock:
            self._ring = self._ring.rotated()
            return self._ring.current

    def destroy(self, key_id: str) -> None:
        """Take an older key out for good. Raises ValueError for the current or an unknown one."""
        with self._lock:
            self._ring = self._ring.without(key_id)

    def _reachable_ring(self) -> Keyring:
        if not self.available:
            raise KeyUnavailable("the key provider does not answer")
        with self._lock:
            return self._ring
