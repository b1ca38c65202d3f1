"""The log of access in memory."""

from __future__ import annotations

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain import access
from ocr_pipeline.domain.access import AccessEntry, AccessEvent
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId


class MemoryAccessLog:
    """What was changed about clients."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def append(self, entry: AccessEntry) -> AccessEvent:
        """Raises NotFound."""
        event, head = access.append(self.head(entry.client_id), entry)
        self._transaction.access_events.put((entry.client_id, event.sequence), event)
        self._transaction.access_heads.put(entry.client_id, head)
        return event

    def events(self, client_id: ClientId) -> list[AccessEvent]:
        """Oldest first."""
        found = [row for row in self._transaction.access_events.rows() if row.entry.client_id == client_id]
        return sorted(found, key=lambda row: row.sequence)

    def head(self, client_id: ClientId) -> ChainHead:
        """Raises NotFound."""
        if self._transaction.clients.get(client_id) is None:
            raise NotFound("no such client")
        return self._transaction.access_heads.get(client_id) or ChainHead()
