"""How fast one client may ask: a token bucket each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for one token.

    `remaining` are the whole tokens left. `retry_after` is how many seconds pass until a token can be taken, 0 while
    one is left; `reset_after` how many until the bucket is full, if nobody takes one meanwhile.
    """

    allowed: bool
    remaining: int
    retry_after: float
    reset_after: float


class RateLimiter(Protocol):
    """A token bucket for each client: it holds `burst` tokens at most, starts full and gains `per_second` a second.

    With r = `per_second` and B = `burst`, the tokens after t seconds are min(B, tokens + r * t). Taking one is atomic,
    also between processes that share the buckets.
    """

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        """Take one token, if there is one; a refusal takes nothing.

        The rate is above 0 and the burst at least 1, else ValueError. Both may differ from call to call, as when
        a client's allowance changes.
        """
        ...
