"""Events of Amazon EventBridge ("EventBridge event message structure", Amazon S3 User Guide).

Keys stand there as they are, not URL-encoded as in S3's own notifications.
"""

from __future__ import annotations

from ocr_pipeline.triggers.events import Change, ObjectEvent, object_event
from ocr_pipeline.triggers.fields import Members, members

_CHANGES = {"Object Created": Change.CREATED, "Object Deleted": Change.REMOVED}


def is_event_bridge(message: Members) -> bool:
    """Whether EventBridge sent it on behalf of S3."""
    return message.get("source") == "aws.s3" and "detail-type" in message


def read_event_bridge(message: Members) -> list[ObjectEvent]:
    """One event, or none for a kind of change that concerns nobody here. Raises UnusableEvent."""
    change = _CHANGES.get(str(message["detail-type"]))
    if change is None:
        return []
    detail = members(message, "detail")
    found = members(detail, "object")
    return [
        object_event(
            change,
            members(detail, "bucket").get("name"),
            found.get("key"),
            version=found.get("version-id"),
            etag=found.get("etag"),
            size=found.get("size"),
            sequencer=found.get("sequencer"),
        )
    ]
