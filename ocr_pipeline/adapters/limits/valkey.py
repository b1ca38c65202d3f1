"""Token buckets on a Valkey or Redis server, by whose clock every process goes."""

from __future__ import annotations

from typing import Any

from valkey import BlockingConnectionPool, Valkey
from valkey.exceptions import ValkeyError

from ocr_pipeline.adapters.limits.pace import Pace
from ocr_pipeline.domain.errors import ConfigurationError, Unavailable
from ocr_pipeline.ports.rate_limits import Taken

_TAKE = """
local cost, whole, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
local until_full = math.min(math.max(full_at - now, 0), whole)
local allowed = 0
if until_full <= patience then
  allowed, until_full = 1, until_full + cost
end
redis.call('SET', KEYS[1], string.format('%.0f', now + until_full), 'PX', math.ceil(until_full / 1000))
return {allowed, until_full}
"""
"""The steps of `Pace`, all on the server, where a script runs alone: one round trip, and one clock for all who ask.

A full bucket's key expires, being as good as none. Microseconds since 1970 stay exact in Lua's doubles (2^53) until
the year 2255.
"""


class ValkeyLimiter:
    """The `RateLimiter` port over a server that several processes share.

    The URL is `valkey://`, `valkeys://` (TLS), `redis://`, `rediss://` or `unix://`, and may hold a password. Needs one
    server, Redis 5 or Valkey; neither Sentinel nor Cluster is spoken to. The server's keys are a prefix with the
    client's id, and a time: what it holds may be lost at any moment, and every bucket is full then.

    A call takes `timeout` seconds at most to get a connection and as long again for each step on it (connecting,
    greeting, asking); resolving the server's name goes by the machine's resolver. Safe between threads.

    Raises ConfigurationError for a URL that is none.
    """

    def __init__(self, url: str, *, timeout: float = 0.25, connections: int = 50, prefix: str = "ocr:rate:") -> None:
        self._prefix = prefix
        try:
            pool: BlockingConnectionPool = BlockingConnectionPool.from_url(  # type: ignore[no-untyped-call]
                url,
                timeout=timeout,
                max_connections=connections,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
            )
            # Made and thrown away: an option that does not exist would be told by the first request only.
            pool.connection_class(**pool.connection_kwargs)
        except (ValueError, TypeError):
            # The library's own words may quote the URL with its password.
            raise ConfigurationError("gateway.valkey_url is not like valkey://:password@host:port/number") from None
        self._pool = pool
        self._script: Any = Valkey(connection_pool=pool).register_script(_TAKE)

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        """Take one token, if there is one; the rate counts to the microsecond.

        Raises Unavailable when the server does not answer in time or will not keep buckets.
        """
        pace = Pace.of(per_second, burst)
        try:
            allowed, until_full = self._script(
                keys=[self._prefix + client_id], args=[pace.cost, pace.whole, pace.patience]
            )
        except ValkeyError as error:
            raise Unavailable("the server that counts requests does not answer") from error
        return pace.taken(allowed == 1, until_full)

    def close(self) -> None:
        """Close all connections."""
        self._pool.disconnect()
