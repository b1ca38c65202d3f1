"""Taking a message apart: JSON of a bounded size and depth, whose members have the types they must have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ocr_pipeline.domain.triggers import ParkReason
from ocr_pipeline.triggers.events import UnusableEvent

MAX_BODY = 256 * 1024
"""Bytes a message may have: what SQS took for most of its life. One S3 event has at most 64 KiB."""

MAX_DEPTH = 32

Members = Mapping[str, Any]


def parse(body: bytes | str) -> Members:
    """The object that a JSON text holds. Raises UnusableEvent."""
    if len(body) > MAX_BODY:
        raise UnusableEvent(ParkReason.TOO_LARGE, f"a message has more than {MAX_BODY} bytes")
    try:
        data = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UnusableEvent(ParkReason.NO_JSON, "a message is not JSON") from None
    if _is_deeper(data, MAX_DEPTH):
        raise UnusableEvent(ParkReason.MALFORMED, "a message is nested too deeply")
    if not isinstance(data, dict):
        raise UnusableEvent(ParkReason.UNKNOWN_FORM, "a message is no JSON object")
    return data


def members(holder: Members, name: str) -> Members:
    """A member that is an object. Raises UnusableEvent."""
    value = holder.get(name)
    if not isinstance(value, dict):
        raise UnusableEvent(ParkReason.MALFORMED, f"an event lacks its `{name}`")
    return value


def text(holder: Members, name: str) -> str:
    """A member that is text. Raises UnusableEvent."""
    value = holder.get(name)
    if not isinstance(value, str):
        raise UnusableEvent(ParkReason.MALFORMED, f"an event lacks its `{name}`")
    return value


def _is_deeper(data: object, depth: int) -> bool:
    level: list[object] = [data]
    for _ in range(depth):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(data: object) -> list[object]:
    if isinstance(data, dict):
        return list(data.values())
    return data if isinstance(data, list) else []


def _no_constant(name: str) -> None:
    raise ValueError(name)
