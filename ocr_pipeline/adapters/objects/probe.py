"""A proof that an object store works."""

from __future__ import annotations

import secrets

from ocr_pipeline.domain.errors import ObjectExists, ObjectMissing, StoreUnavailable
from ocr_pipeline.ports.objects import ObjectStore

PROBE_PREFIX = "checks/"


def probe(store: ObjectStore) -> None:
    """Put, find taken, read and remove one small object under a key of its own.

    Raises StoreFull, or StoreUnavailable when the store does not answer or does not keep its promises: a store that
    ignores `if_absent` would let two writers both believe they were first.
    """
    key, data = f"{PROBE_PREFIX}{secrets.token_hex(16)}", secrets.token_bytes(64)
    store.put(key, data, if_absent=True)
    try:
        _expect_taken(store, key)
        if store.get(key) != data:
            raise StoreUnavailable("the object store returns other bytes than were put")
    except ObjectMissing as error:
        raise StoreUnavailable("the object store loses what was put") from error
    finally:
        store.delete(key)


def _expect_taken(store: ObjectStore, key: str) -> None:
    try:
        store.put(key, b"second", if_absent=True)
    except ObjectExists:
        return
    raise StoreUnavailable("the object store ignores conditional puts")
