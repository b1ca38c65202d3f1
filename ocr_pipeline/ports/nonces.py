"""Nonces of signed requests: each is good once."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Nonces(Protocol):
    """The nonces that were seen, each belonging to one key."""

    def claim(self, key_id: str, nonce: str, *, until: datetime) -> bool:
        """True for the first who claims this nonce of this key, and False for all others, across processes.

        It is kept at least until the given time: the last moment at which its signature may be accepted.
        """
        ...

    def forget(self, before: datetime) -> int:
        """Drop those kept until an earlier time; returns how many there were."""
        ...
