"""What an event says of one object, whoever sent it and in whatever envelope."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ocr_pipeline.domain.errors import MalformedMessage
from ocr_pipeline.domain.triggers import ParkReason

MAX_SIZE = 50 * 1024**4
"""Bytes an object may claim to have; more than any S3 server keeps."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_HEX = re.compile(r"[0-9A-Fa-f]{1,64}")
_PLAIN = re.compile(r"[\x21-\x7e]{1,1024}")
_MAX_KEY_BYTES = 1024


class Change(StrEnum):
    """What befell the object."""

    CREATED = "created"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One object that was created or removed. `key` is as the bucket has it, not encoded; it is PHI.

    All but bucket and key are hints: `size` in bytes, `etag` without quotes, `sequencer` hexadecimal and growing with
    every change of one key. A `version` is None where the bucket has none.
    """

    change: Change
    bucket: str
    key: str = field(repr=False)
    version: str | None = None
    etag: str | None = None
    size: int | None = None
    sequencer: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is the empty marker that consoles leave for a folder."""
        return self.key.endswith("/")

    @property
    def name(self) -> str:
        """The file name: the last part of the key."""
        return self.key.rpartition("/")[2]


class UnusableEvent(MalformedMessage):
    """An event that nobody can work with; `reason` says why, in a word for operators.

    `readable` are the other events of the same message, with which nothing is wrong.
    """

    def __init__(self, reason: ParkReason, message: str, *, readable: Sequence[ObjectEvent] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.readable = tuple(readable)


def object_event(
    change: Change,
    bucket: object,
    key: object,
    *,
    version: object = None,
    etag: object = None,
    size: object = None,
    sequencer: object = None,
) -> ObjectEvent:
    """An event out of fields as they came. Raises UnusableEvent for any that cannot be what it should be."""
    if not isinstance(bucket, str) or _BUCKET.fullmatch(bucket) is None:
        raise _malformed("the name of the bucket")
    return ObjectEvent(
        change,
        bucket,
        _key(key),
        version=_version(version),
        etag=_etag(etag),
        size=_size(size),
        sequencer=_sequencer(sequencer),
    )


def is_older(sequencer: str | None, than: str | None) -> bool:
    """Whether one change of a key came before another; False where that cannot be told.

    Sequencers are compared as texts, as if zeros stood behind the shorter ("Event message structure", Amazon S3 User
    Guide).
    """
    if sequencer is None or than is None:
        return False
    length = max(len(sequencer), len(than))
    return sequencer.lower().ljust(length, "0") < than.lower().ljust(length, "0")


def _key(key: object) -> str:
    if not isinstance(key, str) or not key or "\0" in key:
        raise _malformed("the key")
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise _malformed("the key") from None
    if length > _MAX_KEY_BYTES:
        raise _malformed("the key")
    return key


def _version(version: object) -> str | None:
    if version in (None, "", "null"):
        return None
    if not isinstance(version, str) or _PLAIN.fullmatch(version) is None:
        raise _malformed("the version")
    return version


def _etag(etag: object) -> str | None:
    if etag in (None, ""):
        return None
    if not isinstance(etag, str) or _PLAIN.fullmatch(etag) is None:
        raise _malformed("the entity tag")
    return etag.strip('"')


def _size(size: object) -> int | None:
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE:
        raise _malformed("the size")
    return size


def _sequencer(sequencer: object) -> str | None:
    if sequencer in (None, ""):
        return None
    if not isinstance(sequencer, str) or _HEX.fullmatch(sequencer) is None:
        raise _malformed("the sequencer")
    return sequencer


def _malformed(what: str) -> UnusableEvent:
    return UnusableEvent(ParkReason.MALFORMED, f"an event does not have the shape it must have: {what}")
