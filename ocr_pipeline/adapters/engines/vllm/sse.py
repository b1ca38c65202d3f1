"""Server-sent events out of bytes, however the bytes are cut (WHATWG HTML, 9.2: server-sent events).

Nothing here knows what the events mean. Lines end in LF, CR or CRLF; comments and unknown fields are skipped; an event
that the stream breaks off in is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from ocr_pipeline.domain.errors import EngineGarbage

MAX_LINE = 1 << 20
MAX_TOTAL = 32 << 20


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `data` is document text, so it is no part of the repr."""

    name: str
    data: str = field(repr=False)


class EventStream:
    """Reads one stream from its beginning. A line holds at most `max_line` bytes, all lines `max_total`."""

    def __init__(self, *, max_line: int = MAX_LINE, max_total: int = MAX_TOTAL) -> None:
        self._max_line = max_line
        self._room = max_total
        self._line = bytearray()
        self._after_return = False
        self._at_start = True
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that `chunk` completes. Exhaust it before the next chunk.

        Raises EngineGarbage for bytes that are no UTF-8 and past the limits, after the events before them.
        """
        for line in self._lines(chunk):
            event = self._read(line)
            if event is not None:
                yield event

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if not chunk:
            return
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        *ends, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for end in ends:
            self._extend(end)
            line = bytes(self._line)
            self._line.clear()
            self._room -= len(line) + 1
            if self._room < 0:
                raise EngineGarbage("the answer of the model server is too long")
            yield line
        self._extend(rest)

    def _extend(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > self._max_line:
            raise EngineGarbage("a line of the model server's answer is too long")

    def _read(self, line: bytes) -> Event | None:
        text = _decoded(line)
        if self._at_start:
            text = text.removeprefix("\ufeff")
            self._at_start = False
        if not text:
            return self._dispatch()
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name or "message", "\n".join(self._data)
        self._name = ""
        self._data.clear()
        return Event(name, data) if data else None


def _decoded(line: bytes) -> str:
    # Raised outside the handler: the decoder's own error holds the bytes.
    with suppress(UnicodeDecodeError):
        return line.decode()
    raise EngineGarbage("the answer of the model server is not UTF-8")
