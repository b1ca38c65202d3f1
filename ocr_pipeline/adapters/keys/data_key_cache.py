"""A few unwrapped data keys, kept for a moment, so that a key provider is not asked anew for every page."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.sealing import WrappedKey

CacheKey = tuple[WrappedKey, DocumentId]


class DataKeyCache:
    """At most `entries` data keys, the least used leaving first, each for at most `seconds`. Safe between threads.

    The short life bounds how long a process can still open a document after its wrapped key was erased. An entry
    belongs to the wrapped key and its document together: a key moved to another document finds nothing here.
    """

    def __init__(self, entries: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        if entries < 0 or seconds < 0:
            raise ValueError("a cache has no negative size or life")
        self._entries = entries
        self._seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[CacheKey, tuple[float, bytes]] = OrderedDict()
        self._none_ends_before = math.inf

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def get(self, wrapped: WrappedKey, document_id: DocumentId) -> bytes | None:
        """The data key, None when it is not here or past its time."""
        with self._lock:
            self._drop_expired()
            found = self._kept.get((wrapped, document_id))
            if found is None:
                return None
            self._kept.move_to_end((wrapped, document_id))
            return found[1]

    def keep(self, wrapped: WrappedKey, document_id: DocumentId, data_key: bytes) -> None:
        """Keep a data key for a while."""
        with self._lock:
            self._drop_expired()
            ends = self._now() + self._seconds
            self._kept[wrapped, document_id] = (ends, data_key)
            self._kept.move_to_end((wrapped, document_id))
            self._none_ends_before = min(self._none_ends_before, ends)
            while len(self._kept) > self._entries:
                self._kept.popitem(last=False)

    def _drop_expired(self) -> None:
        now = self._now()
        if now < self._none_ends_before:
            return
        for key in [key for key, (ends, _) in self._kept.items() if ends <= now]:
            del self._kept[key]
        self._none_ends_before = min((ends for ends, _ in self._kept.values()), default=math.inf)
