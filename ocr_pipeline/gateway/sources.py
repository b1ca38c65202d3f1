"""S3 addresses that a client may name instead of sending a file."""

from __future__ import annotations

import re
from collections.abc import Callable

from ocr_pipeline.domain.clients import Client
from ocr_pipeline.domain.errors import Conflict, ObjectMissing
from ocr_pipeline.gateway.problems import Problem

_SCHEME = "s3://"
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_KEY_BYTES = 1024
"""No object's key is longer. Servers differ in what they answer to a longer one."""


def grant(client: Client, source: str) -> None:
    """Raises Problem (403) unless the address lies under a prefix that the client was granted.

    A prefix ends at a slash: `s3://scans/ward` grants `s3://scans/ward/1.pdf` and not `s3://scans/ward-2/1.pdf`.
    Steps such as `..` and backslashes mean nothing to S3 and something to other servers, and control characters break
    the listings of some: an address with one of these is never granted.
    """
    steps = source.removeprefix(_SCHEME).split("/")
    plain = all(step not in {"", ".", ".."} for step in steps) and _NEVER.search(source) is None
    if not plain or not any(source.startswith(f"{prefix.rstrip('/')}/") for prefix in client.sources):
        raise Problem("source_not_granted")


def fetched(fetch: Callable[[str], bytes], source: str) -> bytes:
    """The object at a granted address, by `fetch`, which finds it and then reads what it found.

    An object that is replaced in between is found anew once. Raises Problem: 422 (`input_missing`) for one that cannot
    be there or has just gone, 409 for one that is replaced again; and what `fetch` raises.
    """
    _, _, key = source.removeprefix(_SCHEME).partition("/")
    if len(key.encode()) > _KEY_BYTES:
        raise Problem("input_missing")
    try:
        try:
            return fetch(source)
        except Conflict:
            return fetch(source)
    except ObjectMissing:
        raise Problem("input_missing") from None
    except Conflict:
        raise Problem("conflict", "The object is being replaced.") from None
