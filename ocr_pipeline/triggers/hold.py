"""Holding events in the database: those that came by HTTP until their turn, and parked ones until a person decides."""

from __future__ import annotations

from dataclasses import replace

from ocr_pipeline.domain.errors import Conflict, NotFound
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.domain.triggers import EventId, HeldEvent, ParkReason
from ocr_pipeline.ports.clock import Clock, Ids
from ocr_pipeline.ports.events import Letter
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.triggers.fields import MAX_BODY


class HoldEvents:
    """Keeps messages sealed, each under a key of its own. Safe between threads."""

    def __init__(self, records: Records, vault: Vault, clock: Clock, ids: Ids, *, most: int = 100_000) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock
        self._ids = ids
        self._most = most

    @property
    def is_full(self) -> bool:
        """Whether so many events wait or are parked that no more should be taken. Raises DatabaseUnavailable."""
        with self._records() as uow:
            return self._is_full(uow)

    def keep(self, source: str, body: bytes) -> EventId:
        """Hold a message until it is its turn; it is durable once this returns."""
        event_id = EventId(self._ids.new())
        self._put(self._sealed(event_id, source, body))
        return event_id

    def park(self, letter: Letter, reason: ParkReason) -> bool:
        """Set a message aside; False where there is no room. One that is held here already is parked in its place."""
        event = replace(self._sealed(letter.id, letter.source, letter.body), attempts=letter.attempt, reason=reason)
        with self._records() as uow:
            if self._is_full(uow) and not uow.held_events.forget(letter.id, parked=False):
                return False
            uow.held_events.put(event)
            uow.commit()
        return True

    def set_aside(self, event: HeldEvent, reason: ParkReason) -> None:
        """Park an event as it is, because it cannot be opened."""
        self._put(replace(event, reason=reason))

    def parked(self) -> list[HeldEvent]:
        """Parked events, oldest first."""
        with self._records() as uow:
            return uow.held_events.parked()

    def retry(self, event_id: EventId) -> None:
        """Let a parked event have another turn. Raises NotFound, Conflict for one that was too large to be kept."""
        with self._records() as uow:
            event = _parked(uow.held_events.lock(event_id))
            if event.body is None:
                raise Conflict("the message was too large to be kept: list the prefix again instead")
            uow.held_events.put(replace(event, reason=None, attempts=0, not_before=self._clock.now()))
            uow.commit()

    def drop(self, event_id: EventId) -> None:
        """Forget a parked event. Raises NotFound."""
        with self._records() as uow:
            if not uow.held_events.forget(event_id, parked=True):
                raise NotFound("no such parked event")
            uow.commit()

    def open(self, event: HeldEvent) -> bytes:
        """The message as it came. Raises KeyUnavailable, DecryptionFailed."""
        return b"" if event.body is None else self._vault.open(event.key, _place(event.id), event.body)

    def _sealed(self, event_id: EventId, source: str, body: bytes) -> HeldEvent:
        key, now = self._vault.new_key(DocumentId(event_id)), self._clock.now()
        kept = self._vault.seal(key, _place(event_id), body) if len(body) <= MAX_BODY else None
        return HeldEvent(event_id, source, received_at=now, not_before=now, size=len(body), key=key, body=kept)

    def _is_full(self, uow: UnitOfWork) -> bool:
        return max(uow.held_events.counts(most=self._most)) >= self._most

    def _put(self, event: HeldEvent) -> None:
        with self._records() as uow:
            uow.held_events.put(event)
            uow.commit()


def _parked(event: HeldEvent) -> HeldEvent:
    if event.reason is None:
        raise NotFound("no such parked event")
    return event


def _place(event_id: EventId) -> Place:
    """An event is bound to its own id as a document is."""
    return Place(DocumentId(event_id), Purpose.EVENT)
