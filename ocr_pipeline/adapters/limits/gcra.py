"""The generic cell rate algorithm of throttled-py, in the terms of the `RateLimiter` port."""

from __future__ import annotations

from datetime import timedelta

from throttled import Quota, Rate
from throttled.rate_limiter.gcra import GCRARateLimiter
from throttled.store import BaseStore

from ocr_pipeline.ports.rate_limits import Taken

_SHORTEST = timedelta.resolution.total_seconds()
_NAMESPACE = "ocr-pipeline"


def take_one(store: BaseStore, client_id: str, *, per_second: float, burst: int) -> Taken:
    """Take one token, if there is one, from the bucket of a client under this allowance.

    The allowance is part of the bucket's name. The library keeps a bucket as the time at which it will be full again,
    and a time that was reached slowly says nothing about a faster rate: a client whose allowance grew a thousandfold
    would go on waiting at the old pace. A changed allowance starts with a full bucket instead, and the old one
    expires once it would be full.

    Raises ValueError for an allowance that never gives, and what the store raises.
    """
    if not per_second > 0 or burst < 1:
        raise ValueError("a bucket gains tokens and holds at least one")
    cost = max(1 / per_second, _SHORTEST)
    limiter = GCRARateLimiter(_quota(cost, burst), store, key_prefix=_NAMESPACE)
    result = limiter.limit(f"{per_second!r}:{burst}:{client_id}")
    until_full = result.state.reset_after
    return Taken(
        allowed=not result.limited,
        remaining=result.state.remaining,
        retry_after=max(until_full - cost * (burst - 1), 0.0),  # the library says 0 after the last token was taken
        reset_after=until_full,
    )


def _quota(cost: float, burst: int) -> Quota:
    """The library counts whole requests in whole seconds; a rate here is any number."""
    quota = Quota(Rate(period=timedelta(seconds=1), limit=1), burst=burst)
    quota.emission_interval = cost
    return quota
