"""HTTP connections with an end to whatever they wait for: bounds that uvicorn leaves to a proxy in front of it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class BoundedConnection(H11Protocol):
    """uvicorn's connection, which nobody holds by sending slowly, by sending on for nothing, or by not reading.

    `head_seconds` for all of a request's head, from when it may begin. `linger_seconds` for what is left of a body
    whose request was answered before its end: it is read on for so long, as a sender that is cut off at once may not
    see the answer. `stalled_seconds` for a client that takes nothing more of an answer. Bodies are bounded where they
    are read.
    """

    head_seconds: ClassVar[float] = 15.0
    linger_seconds: ClassVar[float] = 5.0
    stalled_seconds: ClassVar[float] = 60.0

    _waits_for: float | None = None
    _patience: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base has it
        """The head of the first request may begin."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before and _is_framed_twice(self.headers):
            self.cycle.keep_alive = False
        self._look()

    def on_response_complete(self) -> None:
        """The request was answered, though all of it may not be there yet."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        _cancel(self._stalled)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        super().connection_lost(exc)
        _cancel(self._patience)
        _cancel(self._stalled)

    def _expect_reading(self) -> None:
        """Look again later whether any of what waits now was taken."""
        waiting = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.stalled_seconds, self._check_reading, waiting)

    def _check_reading(self, waiting: int) -> None:
        if self.transport.get_write_buffer_size() < waiting:
            self._expect_reading()
        else:
            self.transport.abort()

    def _look(self) -> None:
        """Wait for what is awaited now; a wait that goes on is not prolonged."""
        awaited = self._awaited()
        if awaited == self._waits_for:
            return
        _cancel(self._patience)
        self._waits_for = awaited
        if awaited is not None and not self.transport.is_closing():
            self._patience = self.loop.call_later(awaited, self.transport.close)

    def _awaited(self) -> float | None:
        """Seconds for what the client is to send next, None where that is bounded elsewhere."""
        if self.conn.their_state is h11.IDLE:
            return self.head_seconds
        answered = self.conn.our_state is h11.DONE
        return self.linger_seconds if answered and self.conn.their_state is h11.SEND_BODY else None


def _is_framed_twice(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request says its length in both ways: somebody on the way may have read it by the other one.

    No further request is taken from such a connection (RFC 9112, section 6.1).
    """
    names = {name for name, _ in headers}
    return b"content-length" in names and b"transfer-encoding" in names


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
