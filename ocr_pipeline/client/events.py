"""Progress as it comes over a stream of server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a document is: its state, whether that is final, and how many pages stand in each state."""

    state: str
    settled: bool
    pages: dict[str, int]


def progress_of(lines: Iterable[str]) -> Iterator[Progress]:
    """The `progress` events of a stream, and the `settled` event that ends it. Others are passed over."""
    for kind, data in _events(lines):
        if kind not in {"progress", "settled"}:
            continue
        said = json.loads(data)
        yield Progress(said["state"], said["settled"], said["pages"])
        if kind == "settled":
            return


def _events(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Kind and data of each event that was ended by an empty line."""
    kind = "message"
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        if not line:
            if data:
                yield kind, "\n".join(data)
            kind, data = "message", []
        elif name == "event":
            kind = value.removeprefix(" ")
        elif name == "data":
            data.append(value.removeprefix(" "))
