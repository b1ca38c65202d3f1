"""Messages are read whoever sent them, and whatever is not as it must be has a reason."""

from __future__ import annotations

import json

import pytest

from ocr_pipeline.domain.triggers import ParkReason
from ocr_pipeline.triggers.events import Change, ObjectEvent, UnusableEvent, is_older
from ocr_pipeline.triggers.fields import MAX_BODY
from ocr_pipeline.triggers.read_message import read_message
from tests.trigger_fixtures import notification, record
from tests.unit.triggers.payloads import AWS_PUT, AWS_TEST, MINIO, encoded, event_bridge, filer, sns

KEY = "in/환자 1+2.pdf"
PUT = ObjectEvent(
    Change.CREATED,
    "scans",
    KEY,
    version="096fKKXTRTtl3on89fVO.nfljtsv6qko",
    etag="0123456789abcdef0123456789abcdef",
    size=1024,
    sequencer="0055AED6DCD90281E5",
)


def read(message: str) -> list[ObjectEvent]:
    return read_message(message.encode())


@pytest.mark.parametrize("message", [AWS_PUT, sns(AWS_PUT), sns(sns(AWS_PUT))])
def test_a_notification_of_s3_is_read_in_every_envelope(message: str) -> None:
    assert read(message) == [PUT]


@pytest.mark.parametrize("message", [event_bridge(), sns(event_bridge())])
def test_event_bridge_does_not_encode_keys(message: str) -> None:
    (event,) = read(message)
    assert (event.change, event.bucket, event.key, event.size) == (Change.CREATED, "scans", KEY, 5)
    assert (event.version, event.sequencer) == ("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "617f08299329d189")


def test_minio_is_read() -> None:
    assert read(MINIO) == [
        ObjectEvent(
            Change.CREATED,
            "scans",
            "in/a b.pdf",
            etag="f22d66a7d0dbbc4a7cf1122eeeb1a106",
            size=488,
            sequencer="17A8C1F9B6A5F2C0",
        )
    ]


def test_a_filer_tells_of_files() -> None:
    etag = "5d41402abc4b2a76b9719d911017c592"
    assert read(filer(f"/buckets/scans/{KEY}")) == [ObjectEvent(Change.CREATED, "scans", KEY, etag=etag, size=5)]
    assert read(filer(f"/buckets/scans/{KEY}", "delete")) == [ObjectEvent(Change.REMOVED, "scans", KEY)]


def test_a_filer_tells_where_a_renamed_file_lies_now() -> None:
    (event,) = read(filer("/buckets/scans/in/old.pdf", "rename", parent="/buckets/scans/done", name="new.pdf"))
    assert (event.change, event.key) == (Change.CREATED, "done/new.pdf")


def test_a_filer_keeps_versions_in_a_folder() -> None:
    extended = {"Seaweed-X-Amz-Version-Id": encoded("671552242c58d8c5"), "Seaweed-X-Amz-ETag": "%%%"}
    path = "/buckets/scans/in/v.txt.versions/v_671552242c58d8c5"
    (event,) = read(filer(path, extended=extended))
    assert (event.key, event.version, event.etag) == ("in/v.txt", "671552242c58d8c5", None)
    assert read(filer(path, "delete")) == []


@pytest.mark.parametrize(
    "message",
    [
        AWS_TEST,
        sns(AWS_TEST),
        notification(),
        notification(record("scans", "a", name="ObjectRestore:Completed")),
        notification(record("scans", "a", name="ObjectTagging:Put")),
        event_bridge("Object Tags Added"),
        filer("/buckets/scans/in", is_directory=True),
        filer("/buckets/scans/.uploads/4cc1/0001.part"),
        filer("/buckets/.system/owners/tester/scans"),
        filer("/buckets/scans"),
        filer("/topics/scans/in/a.pdf"),
    ],
)
def test_what_concerns_nobody_is_no_event(message: str) -> None:
    assert read(message) == []


def test_deletions_and_expiries_are_removals() -> None:
    names = ("ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:Delete")
    records = [record("scans", "a", name=name, sequencer="1") for name in names]
    assert [event.change for event in read(notification(*records))] == [Change.REMOVED] * 3
    assert [event.change for event in read(event_bridge("Object Deleted"))] == [Change.REMOVED]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", ParkReason.NO_JSON),
        ("hello", ParkReason.NO_JSON),
        ('{"a": NaN}', ParkReason.NO_JSON),
        ("[" * 50_000, ParkReason.NO_JSON),
        ('{"a":' * 40 + "1" + "}" * 40, ParkReason.MALFORMED),
        ("[]", ParkReason.UNKNOWN_FORM),
        ('"Records"', ParkReason.UNKNOWN_FORM),
        ("{}", ParkReason.UNKNOWN_FORM),
        (sns(sns(sns(AWS_PUT))), ParkReason.UNKNOWN_FORM),
        ('{"Records": {}}', ParkReason.MALFORMED),
        ('{"Records": [1]}', ParkReason.MALFORMED),
        ('{"Records": [{}]}', ParkReason.MALFORMED),
        ('{"Records": [{"eventName": "ObjectCreated:Put"}]}', ParkReason.MALFORMED),
        ('{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": []}}]}', ParkReason.MALFORMED),
        (notification(*[record("scans", "a")] * 1), None),
        (json.dumps({"Records": [{}] * 1001}), ParkReason.TOO_MANY_RECORDS),
        (json.dumps({"a": "x" * MAX_BODY}), ParkReason.TOO_LARGE),
        (notification(record("", "a")), ParkReason.MALFORMED),
        (notification(record("../etc", "a")), ParkReason.MALFORMED),
        (notification(record("scans", "")), ParkReason.MALFORMED),
        (notification(record("scans", "a\0b")), ParkReason.MALFORMED),
        (notification(record("scans", "k" * 1025)), ParkReason.MALFORMED),
        (notification(record("scans", "환" * 342)), ParkReason.MALFORMED),
        (
            notification(record("scans", "a") | {"s3": {"bucket": {"name": "scans"}, "object": {"key": "%FF"}}}),
            ParkReason.MALFORMED,
        ),
        (notification(record("scans", "a", size=-1)), ParkReason.MALFORMED),
        (notification(record("scans", "a", size=True)), ParkReason.MALFORMED),
        (notification(record("scans", "a", size="12")), ParkReason.MALFORMED),
        (notification(record("scans", "a", size=10**30)), ParkReason.MALFORMED),
        (notification(record("scans", "a", sequencer="xyz")), ParkReason.MALFORMED),
        (notification(record("scans", "a", sequencer="A" * 65)), ParkReason.MALFORMED),
        (notification(record("scans", "a", sequencer=7)), ParkReason.MALFORMED),
        (notification(record("scans", "a", versionId={"$gt": ""})), ParkReason.MALFORMED),
        (notification(record("scans", "a", eTag="a\nb")), ParkReason.MALFORMED),
        (event_bridge(key="\ud800"), ParkReason.MALFORMED),
        (event_bridge(key=None), ParkReason.MALFORMED),
    ],
)
def test_what_is_not_as_it_must_be_has_a_reason_and_no_word_of_the_key(message: str, reason: ParkReason | None) -> None:
    if reason is None:
        assert len(read(message)) == 1
        return
    with pytest.raises(UnusableEvent) as caught:
        read(message)
    assert caught.value.reason is reason
    assert "환" not in str(caught.value)


def test_a_bad_record_takes_no_other_record_along() -> None:
    with pytest.raises(UnusableEvent) as caught:
        read(notification(record("scans", "a"), record("scans", "b", size=-1), record("scans", "c")))
    assert [event.key for event in caught.value.readable] == ["a", "c"]


def test_an_event_does_not_show_its_key() -> None:
    assert "환자" not in repr(PUT)


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [
        ("1", "2", True),
        ("2", "1", False),
        ("2", "2", False),
        ("FF", "0100", False),
        ("0100", "FF", True),
        ("0FF", "ff", True),
        ("ab", "AB00", False),
        ("AB", "ab01", True),
        ("9", "A", True),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", True),
        (None, "1", False),
        ("1", None, False),
    ],
)
def test_sequencers_are_fractions_and_end_in_zeros(one: str | None, other: str | None, older: bool) -> None:
    assert is_older(one, other) is older
