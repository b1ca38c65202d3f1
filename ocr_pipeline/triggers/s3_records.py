"""The records that S3 sends, as AWS writes them and MinIO, Ceph and others after it.

AWS: "Event message structure", Amazon S3 User Guide, versions 2.0 to 2.x. Keys are URL-encoded as in forms: a blank is
a plus sign.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from ocr_pipeline.domain.triggers import ParkReason
from ocr_pipeline.triggers.events import Change, ObjectEvent, UnusableEvent, object_event
from ocr_pipeline.triggers.fields import Members, members, text

MAX_RECORDS = 1000

_CHANGES = {"ObjectCreated": Change.CREATED, "ObjectRemoved": Change.REMOVED, "LifecycleExpiration": Change.REMOVED}


def is_test(message: Members) -> bool:
    """Whether it is what S3 sends once a notification is configured."""
    return message.get("Event") == "s3:TestEvent"


def read_records(message: Members) -> list[ObjectEvent]:
    """The events of a message with `Records`; kinds of change that concern nobody here are left out.

    Raises UnusableEvent where a record is not as it must be; it has those that are.
    """
    records = message.get("Records")
    if not isinstance(records, list):
        raise UnusableEvent(ParkReason.MALFORMED, "the records of a message are no list")
    if len(records) > MAX_RECORDS:
        raise UnusableEvent(ParkReason.TOO_MANY_RECORDS, f"a message has more than {MAX_RECORDS} records")
    found: list[ObjectEvent] = []
    unusable: UnusableEvent | None = None
    for record in records:
        try:
            event = _read(record)
        except UnusableEvent as error:
            unusable = unusable or error
            continue
        if event is not None:
            found.append(event)
    if unusable is not None:
        raise UnusableEvent(unusable.reason, str(unusable), readable=found)
    return found


def _read(record: Any) -> ObjectEvent | None:  # noqa: ANN401 - anything JSON can say
    if not isinstance(record, dict):
        raise UnusableEvent(ParkReason.MALFORMED, "a record is no object")
    # AWS writes `ObjectCreated:Put`, MinIO and Ceph `s3:ObjectCreated:Put`.
    change = _CHANGES.get(text(record, "eventName").removeprefix("s3:").partition(":")[0])
    if change is None:
        return None
    s3 = members(record, "s3")
    found = members(s3, "object")
    return object_event(
        change,
        members(s3, "bucket").get("name"),
        _decoded(text(found, "key")),
        version=found.get("versionId"),
        etag=found.get("eTag"),
        size=found.get("size"),
        sequencer=found.get("sequencer"),
    )


def _decoded(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise UnusableEvent(ParkReason.MALFORMED, "a key is not encoded UTF-8") from None
