"""The grammar of object keys, the same for every store, so that what one store takes every store takes."""

from __future__ import annotations

import re

MAX_KEY_LENGTH = 512

_NAME = "[A-Za-z0-9_][A-Za-z0-9._-]*"
_SEGMENT = re.compile(_NAME)
_KEY = re.compile(rf"{_NAME}(?:/{_NAME})*")
_PREFIX = re.compile(rf"(?:{_NAME}/)*(?:{_NAME})?")


def checked_key(key: str) -> str:
    """The key itself: segments of ASCII letters, digits, `_`, `.` and `-`, none beginning with `.` or `-`.

    So no key can climb out of a folder, name a hidden file or need quoting. Raises ValueError, which quotes nothing.
    """
    if len(key) > MAX_KEY_LENGTH or _KEY.fullmatch(key) is None:
        raise ValueError("not an object key")
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix itself: empty, or the beginning of a key. Raises ValueError."""
    if len(prefix) > MAX_KEY_LENGTH or _PREFIX.fullmatch(prefix) is None:
        raise ValueError("not the beginning of an object key")
    return prefix


def checked_deletion_prefix(prefix: str) -> str:
    """A prefix that names something: the empty one would remove everything a slip away. Raises ValueError."""
    if not prefix:
        raise ValueError("a deletion needs a prefix")
    return checked_prefix(prefix)


def is_segment(name: str) -> bool:
    """Whether a name may stand between the slashes of a key; others in a folder (`lost+found`) are not ours."""
    return _SEGMENT.fullmatch(name) is not None
