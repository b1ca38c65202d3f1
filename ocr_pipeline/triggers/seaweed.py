"""Events of a SeaweedFS filer, as its webhook sends them (seen with SeaweedFS 4.48).

A filer tells of files, not of objects: buckets are folders under `/buckets`, parts of uploads lie under `.uploads`, and
each version of an object is a file in a folder named after it. There are no sequencers.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ocr_pipeline.triggers.events import Change, ObjectEvent, object_event
from ocr_pipeline.triggers.fields import Members, members, text

_BUCKETS = "/buckets/"
_VERSIONS = ".versions/v_"
_ETAG = "Seaweed-X-Amz-ETag"
_VERSION = "Seaweed-X-Amz-Version-Id"
_INNER = (".uploads/", ".system/")


def is_filer_event(message: Members) -> bool:
    """Whether a filer sent it."""
    return "event_type" in message and isinstance(message.get("message"), dict)


def read_filer_event(message: Members) -> list[ObjectEvent]:
    """One event; none for folders, parts of uploads and files outside of buckets. Raises UnusableEvent."""
    notification = members(message, "message")
    entry = notification.get("new_entry")
    if not isinstance(entry, dict):
        return _at(text(message, "key"), Change.REMOVED, {})
    if entry.get("is_directory"):
        return []
    # After a renaming the message's key is the old path; where the file lies now the parent tells.
    parent, name = notification.get("new_parent_path"), entry.get("name")
    path = f"{parent}/{name}" if parent and isinstance(name, str) else text(message, "key")
    return _at(path, Change.CREATED, entry)


def _at(path: str, change: Change, entry: Members) -> list[ObjectEvent]:
    bucket, slash, key = path.removeprefix(_BUCKETS).partition("/")
    if not path.startswith(_BUCKETS) or not slash or not key or key.startswith(_INNER) or bucket.startswith("."):
        return []
    extended, attributes = _object(entry.get("extended")), _object(entry.get("attributes"))
    named, versioned, _ = key.partition(_VERSIONS)
    if versioned and change is Change.REMOVED:
        return []
    return [
        object_event(
            change,
            bucket,
            named if versioned else key,
            version=_plain(extended.get(_VERSION)),
            etag=_plain(extended.get(_ETAG)),
            size=attributes.get("file_size"),
        )
    ]


def _object(value: Any) -> Members:  # noqa: ANN401 - anything JSON can say
    return value if isinstance(value, dict) else {}


def _plain(encoded: object) -> str | None:
    """A value that the filer keeps as bytes; what cannot be read is no more than a missing hint."""
    if not isinstance(encoded, str):
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
