"""Buckets that belong to others: where documents come from, and where their results may go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What a bucket says of one object. `version` is None where the bucket keeps no versions; `size` is in bytes.

    `key` is PHI. A listing knows no versions.
    """

    key: str = field(repr=False)
    etag: str
    size: int
    modified_at: datetime
    version: str | None = None


class Buckets(Protocol):
    """Objects of others. Safe between threads. Every method raises StoreUnavailable; throttling counts as that."""

    def facts(self, bucket: str, key: str, version: str | None = None) -> ObjectFacts:
        """Of that version, or of the newest. Raises ObjectMissing."""
        ...

    def reading(self, bucket: str, facts: ObjectFacts) -> AbstractContextManager[Iterator[bytes]]:
        """The content of exactly what the facts describe, in pieces.

        Raises ObjectMissing, and Conflict where it was replaced meanwhile; StoreUnavailable where it breaks off.
        """
        ...

    def page(self, bucket: str, prefix: str, after: str | None, most: int) -> Sequence[ObjectFacts]:
        """The objects under a prefix in order of their keys, those behind `after`; empty at the end."""
        ...

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        """Keep an object, in the place of what was there."""
        ...

    def tag(self, bucket: str, key: str, version: str | None, tags: Mapping[str, str]) -> None:
        """Set these tags of an object beside those that it has. Raises ObjectMissing."""
        ...
