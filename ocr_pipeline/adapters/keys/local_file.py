"""Wrapping keys in a file of the machine that runs the pipeline: the embedded default."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from uuid import UUID

from ocr_pipeline.adapters.keys import aead, key_file
from ocr_pipeline.adapters.keys.key_file import Stamp
from ocr_pipeline.adapters.keys.keyring import Keyring
from ocr_pipeline.domain.errors import ConfigurationError, DecryptionFailed, KeyUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey

_CHECKED_DOCUMENT = DocumentId(UUID(int=0))


class LocalFileKeyProvider:
    """Wraps data keys with AES-256-GCM under the current key of a key file.

    The file is read again whenever it changes, so a rotation by another process needs no restart. While the file is
    missing, damaged or open to others, every method raises KeyUnavailable; the constructor raises ConfigurationError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # One attribute, replaced whole: threads that race to reload read the same file and need no lock.
        self._loaded: tuple[Stamp, Keyring] = key_file.read(path)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key file with one new key and open it.

        Raises ConfigurationError when there is one already (it is kept) or none can be written.
        """
        key_file.create(path, Keyring.fresh())
        return cls(path)

    @property
    def current_key_id(self) -> str:
        """The id of the key that wraps new data keys. Raises KeyUnavailable."""
        return self._ring().current

    def wrap(self, data_key: bytes, document_id: DocumentId) -> WrappedKey:
        """Encrypt a data key, bound to its document. Raises KeyUnavailable."""
        return self._ring().wrap(data_key, document_id)

    def unwrap(self, wrapped: WrappedKey, document_id: DocumentId) -> bytes:
        """The data key. Raises KeyUnavailable, KeyMissing for a key not in the file, DecryptionFailed otherwise."""
        return self._ring().unwrap(wrapped, document_id)

    def fingerprint_key(self, client_id: ClientId) -> bytes:
        """A 32-byte secret of this client alone, the same before and after rotations. Raises KeyUnavailable."""
        return self._ring().fingerprint_key(client_id)

    def check(self) -> None:
        """Wrap and unwrap a throw-away key. Raises KeyUnavailable."""
        ring, data_key = self._ring(), aead.new_key()
        try:
            unwrapped = ring.unwrap(ring.wrap(data_key, _CHECKED_DOCUMENT), _CHECKED_DOCUMENT)
        except DecryptionFailed as error:
            raise KeyUnavailable("the key file does not unwrap what it wrapped") from error
        if unwrapped != data_key:
            raise KeyUnavailable("the key file does not unwrap what it wrapped")

    def rotate(self) -> str:
        """Add a key to the file and make it the current one; returns its id.

        Older keys stay and go on opening what they wrapped. Raises ConfigurationError when the file cannot be written.
        """
        return key_file.rotate(self._path).current

    def destroy(self, key_id: str) -> None:
        """Take an older key out of the file for good; what it wrapped can never be opened again.

        Raises ConfigurationError for the current or an unknown key, or where the file cannot be written.
        """
        key_file.destroy(self._path, key_id)

    def _ring(self) -> Keyring:
        stamp, ring = self._loaded
        try:
            if Stamp.of(self._path.stat()) == stamp:
                return ring
            self._loaded = key_file.read(self._path)
        except (OSError, ConfigurationError) as error:
            raise KeyUnavailable("the key file cannot be read any more") from error
        return self._loaded[1]
