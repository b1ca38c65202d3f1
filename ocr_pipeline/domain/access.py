"""The log of access: who was let in, with which keys, and who decided so; each entry chained to the one before.

It is to clients what the audit trail is to documents: an entry that was changed, dropped or moved breaks its chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocr_pipeline.domain.audit import GENESIS, ChainHead, Detail, canonical_moment, chained
from ocr_pipeline.domain.ids import ClientId


class AccessKind(StrEnum):
    """What can happen to a client, its keys and its webhook secrets."""

    CLIENT_CREATED = "client_created"
    CLIENT_CHANGED = "client_changed"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_ENABLED = "client_enabled"
    KEY_CREATED = "key_created"
    KEY_ENDING = "key_ending"
    KEY_REVOKED = "key_revoked"
    SECRET_CREATED = "secret_created"  # noqa: S105 - what happened
    SECRET_ENDING = "secret_ending"  # noqa: S105 - as above


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """What is to be recorded of a client. `details` hold ids and figures, never a secret."""

    client_id: ClientId
    kind: AccessKind
    at: datetime
    actor: str
    details: tuple[tuple[str, Detail], ...] = ()


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """A recorded entry, its place in the client's chain (from 1), and hashes of 32 bytes."""

    entry: AccessEntry
    sequence: int
    previous: bytes
    hash: bytes


def append(head: ChainHead, entry: AccessEntry) -> tuple[AccessEvent, ChainHead]:
    """The event that follows `head`, and the new head."""
    sequence = head.sequence + 1
    digest = _hash(entry, sequence, head.hash)
    return AccessEvent(entry, sequence, head.hash, digest), ChainHead(sequence, digest)


def verify(client_id: ClientId, events: Iterable[AccessEvent], head: ChainHead) -> int | None:
    """The first place (from 1) where a client's chain does not hold, oldest event first; None when all of it does."""
    expected = ChainHead(0, GENESIS)
    for event in events:
        place = expected.sequence + 1
        whole = event.entry.client_id == client_id and event.sequence == place and event.previous == expected.hash
        if not whole or _hash(event.entry, event.sequence, event.previous) != event.hash:
            return place
        expected = ChainHead(event.sequence, event.hash)
    return None if expected == head else expected.sequence + 1


def _hash(entry: AccessEntry, sequence: int, previous: bytes) -> bytes:
    return chained(
        previous,
        {
            "actor": entry.actor,
            "at": canonical_moment(entry.at),
            "client": entry.client_id,
            "details": dict(entry.details),
            "kind": entry.kind.value,
            "sequence": sequence,
        },
    )
