"""Handling one message: every event in it is taken, and the message is done, to come again, or parked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ocr_pipeline.domain.errors import Conflict, ObjectMissing, PipelineError, StoreFull, Unavailable
from ocr_pipeline.domain.triggers import ParkReason
from ocr_pipeline.ports.events import Letter
from ocr_pipeline.triggers.events import ObjectEvent, UnusableEvent
from ocr_pipeline.triggers.read_message import read_message
from ocr_pipeline.triggers.take import Outcome, TakeObject


class TriggerObserver(Protocol):
    """Is told what becomes of events. Sources are names of the settings."""

    def settled(self, source: str, outcome: Outcome) -> None:
        """An event has come to this."""
        ...

    def failed(self, source: str, code: str) -> None:
        """Something that is not the event's fault keeps it from being taken."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a message: it comes again, it is parked for a reason, or it is done.

    `away` says that a service did not answer, so that the messages behind this one would fare no better.
    """

    again: bool = False
    away: bool = False
    reason: ParkReason | None = None


class HandleLetter:
    """Handles one message at a time. Safe between threads.

    Services that do not answer never cost an event its place: it comes again for as long as they are away. What is
    missing, or fails for another reason, is parked after `max_attempts`.
    """

    def __init__(self, take: TakeObject, observer: TriggerObserver, *, max_attempts: int) -> None:
        self._take = take
        self._observer = observer
        self._max_attempts = max_attempts

    def __call__(self, letter: Letter) -> Verdict:
        """What is to be done with it. All its events are tried, whatever becomes of the first."""
        events: Sequence[ObjectEvent]
        verdicts: list[Verdict] = []
        try:
            events = read_message(letter.body)
        except UnusableEvent as error:
            events = error.readable
            verdicts.append(self._told(letter, Verdict(reason=error.reason)))
        if not events and not verdicts:
            self._observer.settled(letter.source, Outcome.IGNORED)
        verdicts += [self._told(letter, self._one(event, letter)) for event in events]
        if any(verdict.again for verdict in verdicts):
            return Verdict(again=True, away=any(verdict.away for verdict in verdicts))
        return next((verdict for verdict in verdicts if verdict.reason is not None), Verdict())

    def _one(self, event: ObjectEvent, letter: Letter) -> Verdict:
        try:
            outcome = self._take(event, source=letter.source)
        except UnusableEvent as error:
            return Verdict(reason=error.reason)
        except ObjectMissing:
            return self._while_it_may(letter, ParkReason.OBJECT_MISSING)
        except (Unavailable, StoreFull) as error:
            self._observer.failed(letter.source, error.code)
            return Verdict(again=True, away=True)
        except Conflict as error:
            self._observer.failed(letter.source, error.code)
            return Verdict(again=True)
        except Exception as error:  # noqa: BLE001 - a boundary: the messages behind this one must have their turn
            self._observer.failed(
                letter.source, error.code if isinstance(error, PipelineError) else type(error).__name__
            )
            return self._while_it_may(letter, ParkReason.FAILED)
        self._observer.settled(letter.source, outcome)
        return Verdict()

    def _while_it_may(self, letter: Letter, reason: ParkReason) -> Verdict:
        return Verdict(reason=reason) if letter.attempt >= self._max_attempts else Verdict(again=True)

    def _told(self, letter: Letter, verdict: Verdict) -> Verdict:
        if verdict.again:
            self._observer.settled(letter.source, Outcome.RETRIED)
        elif verdict.reason is not None:
            self._observer.settled(letter.source, Outcome.PARKED)
        return verdict
