"""Every data key in the records, whoever owns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ocr_pipeline.domain.sealing import KeyOwner, KeyOwnerKind, WrappedKey


@dataclass(frozen=True, slots=True)
class KeyTally:
    """How many data keys of one kind of owner one key wraps."""

    kind: KeyOwnerKind
    key_id: str
    count: int


class DataKeys(Protocol):
    """The wrapped keys of all kinds of owners."""

    def tally(self) -> Sequence[KeyTally]:
        """What wraps how many, by kind and then by key id; what wraps none is left out."""
        ...

    def wrapped_otherwise(
        self, kind: KeyOwnerKind, key_id: str, *, after: UUID | None = None, limit: int = 500
    ) -> list[KeyOwner]:
        """Owners whose key another key than this one wraps, in order of id from the one after `after` on."""
        ...

    def lock(self, owner: KeyOwner) -> WrappedKey | None:
        """The owner's key, the owner held until the unit of work ends; None where it has none (any more)."""
        ...

    def save(self, owner: KeyOwner, key: WrappedKey) -> None:
        """Put the same data key, wrapped anew, in place of what was locked."""
        ...
