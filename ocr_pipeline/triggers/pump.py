"""Taking messages from a source and working on them, several at once, for as long as there is room."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event

from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.events import EventSource, Letter
from ocr_pipeline.triggers.handle import HandleLetter, Verdict
from ocr_pipeline.triggers.hold import HoldEvents

_NO_ROOM_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PumpRules:
    """Messages at once, seconds to wait for one, seconds after which a message in hand is kept, and delays.

    A message that comes again waits for `first_delay` seconds, then twice as long each time, `longest_delay` at most.
    """

    at_once: int = 8
    wait: float = 5.0
    keep_every: float = 15.0
    first_delay: float = 2.0
    longest_delay: float = 300.0

    def delay(self, attempt: int) -> float:
        """How long a message waits after so many attempts."""
        return min(self.longest_delay, self.first_delay * 2.0 ** min(attempt - 1, 30))


class Pump:
    """Works on one source, in the thread that calls it. `has_room` says whether the lanes take more documents.

    After a round in which something was away the next one waits: who throttles is not asked again at once.
    """

    def __init__(
        self,
        source: EventSource,
        handle: HandleLetter,
        held: HoldEvents,
        has_room: Callable[[], bool],
        clock: Clock,
        stopping: Event,
        rules: PumpRules,
    ) -> None:
        self._source = source
        self._handle = handle
        self._held = held
        self._has_room = has_room
        self._clock = clock
        self._stopping = stopping
        self._rules = rules
        self._troubled = 0

    def __call__(self) -> int:
        """One round: receive, work, settle; returns how many messages there were.

        Raises what the source raises. Messages in hand are finished even when told to stop.
        """
        if not self._has_room():
            self._stopping.wait(_NO_ROOM_SECONDS)
            return 0
        letters = self._source.receive(self._rules.at_once, self._rules.wait)
        self._troubled = self._troubled + 1 if self._work(letters) else 0
        if self._troubled:
            self._stopping.wait(min(self._rules.delay(self._troubled), self._rules.wait * 6))
        return len(letters)

    def _work(self, letters: list[Letter]) -> int:
        """Work on all of them; returns for how many a service was away."""
        if not letters:
            return 0
        away, kept_at = 0, self._clock.monotonic()
        finished: list[Letter] = []
        with ThreadPoolExecutor(len(letters), thread_name_prefix="triggers") as pool:
            working = {pool.submit(self._handle, letter): letter for letter in letters}
            while working:
                left = kept_at + self._rules.keep_every - self._clock.monotonic()
                done, _ = wait(working, timeout=max(0.0, left), return_when=FIRST_COMPLETED)
                for future in done:
                    letter, verdict = working.pop(future), future.result()
                    away += verdict.away
                    if self._is_finished(letter, verdict):
                        finished.append(letter)
                if working and self._clock.monotonic() - kept_at >= self._rules.keep_every:
                    self._source.keep([*working.values(), *finished])
                    kept_at = self._clock.monotonic()
        if finished:
            self._source.done(finished)
        return away

    def _is_finished(self, letter: Letter, verdict: Verdict) -> bool:
        if verdict.again:
            self._source.put_back(letter, self._rules.delay(letter.attempt))
            return False
        if verdict.reason is not None and not self._held.park(letter, verdict.reason):
            self._source.put_back(letter, self._rules.longest_delay)
            return False
        return True
