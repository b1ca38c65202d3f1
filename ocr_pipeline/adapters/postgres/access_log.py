"""Rows of the log of access. The head of each chain stands in its client's row."""

from __future__ import annotations

from sqlalchemy import RowMapping, insert, select, update

from ocr_pipeline.adapters.postgres.front_door_tables import access_events, clients
from ocr_pipeline.adapters.postgres.rows import details_from_text, details_to_text, utc
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain import access
from ocr_pipeline.domain.access import AccessEntry, AccessEvent, AccessKind
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.errors import IntegrityError, NotFound
from ocr_pipeline.domain.ids import ClientId


class PostgresAccessLog:
    """The `AccessLog` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def append(self, entry: AccessEntry) -> AccessEvent:
        """Raises NotFound."""
        event, head = access.append(self.head(entry.client_id), entry)
        row = {
            "client_id": entry.client_id,
            "sequence": event.sequence,
            "kind": entry.kind.value,
            "at": entry.at,
            "actor": entry.actor,
            "details": details_to_text(entry.details),
            "previous": event.previous,
            "hash": event.hash,
        }
        self._transaction.run(insert(access_events).values(row))
        self._transaction.run(
            update(clients)
            .where(clients.c.id == entry.client_id)
            .values(log_sequence=head.sequence, log_head=head.hash)
        )
        return event

    def events(self, client_id: ClientId) -> list[AccessEvent]:
        """Oldest first. Raises IntegrityError."""
        found = self._transaction.all(
            select(access_events).where(access_events.c.client_id == client_id).order_by(access_events.c.sequence)
        )
        return [_event_from_row(row) for row in found]

    def head(self, client_id: ClientId) -> ChainHead:
        """Raises NotFound."""
        row = self._transaction.first(
            select(clients.c.log_sequence, clients.c.log_head).where(clients.c.id == client_id)
        )
        if row is None:
            raise NotFound("no such client")
        return ChainHead(row["log_sequence"], row["log_head"])


def _event_from_row(row: RowMapping) -> AccessEvent:
    try:
        kind, details = AccessKind(row["kind"]), details_from_text(row["details"])
    except (ValueError, AttributeError):
        raise IntegrityError(f"access event {row['sequence']} of client {row['client_id']} is damaged") from None
    entry = AccessEntry(ClientId(row["client_id"]), kind, utc(row["at"]), row["actor"], details)
    return AccessEvent(entry, row["sequence"], row["previous"], row["hash"])
