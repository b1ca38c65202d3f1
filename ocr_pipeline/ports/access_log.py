"""Rows of the log of access."""

from __future__ import annotations

from typing import Protocol

from ocr_pipeline.domain.access import AccessEntry, AccessEvent
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.ids import ClientId


class AccessLog(Protocol):
    """What was changed about clients: entries are only ever added."""

    def append(self, entry: AccessEntry) -> AccessEvent:
        """Chain one entry; the unit of work holds the client, or has added it. Raises NotFound."""
        ...

    def events(self, client_id: ClientId) -> list[AccessEvent]:
        """Everything about a client, oldest first. Raises IntegrityError for a row nobody here wrote."""
        ...

    def head(self, client_id: ClientId) -> ChainHead:
        """Where the client's chain ends. Raises NotFound."""
        ...
