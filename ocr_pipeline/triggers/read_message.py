"""Reading a message, whichever of the known senders wrote it and however it is wrapped."""

from __future__ import annotations

from ocr_pipeline.domain.triggers import ParkReason
from ocr_pipeline.triggers.event_bridge import is_event_bridge, read_event_bridge
from ocr_pipeline.triggers.events import ObjectEvent, UnusableEvent
from ocr_pipeline.triggers.fields import Members, parse, text
from ocr_pipeline.triggers.s3_records import is_test, read_records
from ocr_pipeline.triggers.seaweed import is_filer_event, read_filer_event

_MAX_ENVELOPES = 2


def read_message(body: bytes) -> list[ObjectEvent]:
    """The events of a message, in the order in which they stand; none where it concerns nobody here.

    Known are S3's notifications (of AWS, MinIO, Ceph), the same through SNS, EventBridge (also through SNS), and the
    webhook of a SeaweedFS filer. Raises UnusableEvent.
    """
    message = parse(body)
    for _ in range(_MAX_ENVELOPES):
        if not _is_sns(message):
            break
        message = parse(text(message, "Message"))
    if is_test(message):
        return []
    if "Records" in message:
        return read_records(message)
    if is_event_bridge(message):
        return read_event_bridge(message)
    if is_filer_event(message):
        return read_filer_event(message)
    raise UnusableEvent(ParkReason.UNKNOWN_FORM, "a message has none of the known forms")


def _is_sns(message: Members) -> bool:
    return message.get("Type") == "Notification" and "TopicArn" in message
