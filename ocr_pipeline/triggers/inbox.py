"""The source of the events that are held here: those that came by HTTP, and parked ones that get another turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from ocr_pipeline.domain.errors import DecryptionFailed, KeyMissing
from ocr_pipeline.domain.triggers import HeldEvent, ParkReason
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.events import Letter
from ocr_pipeline.ports.records import Records
from ocr_pipeline.triggers.hold import HoldEvents


class Inbox:
    """The `EventSource` port over held events. `pause` passes so many seconds, or fewer when told to stop.

    A letter belongs to whoever claimed it for `lease`; several processes may share the inbox.
    """

    def __init__(
        self, records: Records, held: HoldEvents, clock: Clock, pause: Callable[[float], object], *, lease: timedelta
    ) -> None:
        self._records = records
        self._held = held
        self._clock = clock
        self._pause = pause
        self._lease = lease

    @property
    def name(self) -> str:
        """The inbox itself; each letter names the source that it came by."""
        return "inbox"

    def receive(self, most: int, wait: float) -> list[Letter]:
        """Those due for longest."""
        letters = self._claim(most)
        if not letters and wait > 0:
            self._pause(wait)
        return letters

    def keep(self, letters: list[Letter]) -> None:
        """Make the claims new."""
        self._put_off(letters, self._lease)

    def done(self, letters: list[Letter]) -> None:
        """Forget them, but those that were parked meanwhile."""
        with self._records() as uow:
            for letter in letters:
                uow.held_events.forget(letter.id, parked=False)
            uow.commit()

    def put_back(self, letter: Letter, seconds: float) -> None:
        """Let it wait for so long."""
        self._put_off([letter], timedelta(seconds=seconds))

    def close(self) -> None:
        """Nothing to give back: claims run out."""

    def _claim(self, most: int) -> list[Letter]:
        now = self._clock.now()
        with self._records() as uow:
            events = uow.held_events.claim(now=now, until=now + self._lease, limit=most)
            uow.commit()
        found = (self._letter(event) for event in events)
        return [letter for letter in found if letter is not None]

    def _letter(self, event: HeldEvent) -> Letter | None:
        """The letter; None for one that cannot be opened, which is set aside: those claimed with it have their turn."""
        try:
            body = self._held.open(event)
        except (DecryptionFailed, KeyMissing):
            self._held.set_aside(event, ParkReason.FAILED)
            return None
        return Letter(event.id, event.source, body, event.attempts, handle=None)

    def _put_off(self, letters: list[Letter], by: timedelta) -> None:
        until = self._clock.now() + by
        with self._records() as uow:
            for letter in letters:
                uow.held_events.put_off(letter.id, until)
            uow.commit()
