"""What identifies an object and its version without telling its name: fingerprints under the client's own key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.triggers import SourceObject
from ocr_pipeline.ports.buckets import ObjectFacts
from ocr_pipeline.ports.vault import Vault

_ADDRESS = "ocr-pipeline/s3-address/1"
_ETAG = "ocr-pipeline/s3-etag/1"
_VERSION = "ocr-pipeline/s3-version/1"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object of a client lies. `version` is set once it is known which one was taken."""

    bucket: str
    key: str = field(repr=False)
    version: str | None = None

    def to_bytes(self) -> bytes:
        """A form that `from_bytes` reads."""
        return json.dumps([self.bucket, self.key, self.version]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Address:
        """The address that was written. Raises IntegrityError."""
        match json.loads(data):
            case [str(bucket), str(key), str() | None as version]:
                return cls(bucket, key, version)
            case _:
                raise IntegrityError("a sealed address is none")


class Fingerprints:
    """Names for objects that nobody without the client's key can trace back. Safe between threads."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def address(self, client_id: ClientId, bucket: str, key: str) -> bytes:
        """Of the object, whatever its version: 32 bytes."""
        return self._of(client_id, _ADDRESS, bucket, key)

    def etag(self, client_id: ClientId, etag: str) -> bytes:
        """Of its entity tag, which may be a plain hash of its content: 32 bytes."""
        return self._of(client_id, _ETAG, etag)

    def idempotency_key(self, client_id: ClientId, bucket: str, facts: ObjectFacts) -> str:
        """Of exactly this version of the object."""
        version = ["version", facts.version] if facts.version is not None else ["etag", facts.etag]
        return "s3-" + self._of(client_id, _VERSION, bucket, facts.key, *version).hex()

    def same_version(self, row: SourceObject, version: str | None, etag: str | None) -> bool:
        """Whether a version is the one in the row: by its id where both sides have one, else by its entity tag."""
        if row.version is not None and version is not None:
            return row.version == version
        return etag is not None and row.etag == self.etag(row.client_id, etag)

    def _of(self, client_id: ClientId, *parts: str) -> bytes:
        return self._vault.fingerprint(client_id, json.dumps(parts).encode())
