"""Token buckets in Valkey (or Redis), by whose clock every process goes."""

from __future__ import annotations

import time
from threading import Lock
from typing import cast

import structlog
from throttled.store import RedisStore
from valkey import Valkey
from valkey.exceptions import ValkeyError

from ocr_pipeline.adapters.limits.gcra import take_one
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.ports.rate_limits import Taken

SECONDS_BETWEEN_TRIALS = 1.0
"""While Valkey does not answer, one request in this time finds out whether it does again."""

_SCHEMES = {"valkey", "valkeys", "redis", "rediss", "unix"}


class ValkeyLimiter:
    """The `RateLimiter` port over one Valkey or Redis server. Safe between threads.

    `url` is valkey://, valkeys:// (TLS), redis://, rediss:// or unix://, with user, password and database as usual;
    else ConfigurationError, whose message does not repeat it. `timeout` bounds each wait for the server, in seconds.

    It fails open: while the server cannot be asked, every request passes, as if the bucket were full. Limiting guards
    against one client crowding out the others, and is no reason to turn all of them away; what a client may do at all
    is decided elsewhere. An outage is told once when it begins (a warning) and once when it ends. It costs a request
    a wait at most once a second: the others pass without asking. A wait is one connection and up to three
    commands, so four times `timeout` at worst; looking up a host's name is the system's and not bounded here.
    """

    def __init__(self, url: str, *, timeout: float = 0.25) -> None:
        self._store = _ValkeyStore(url, timeout)
        self._log = structlog.stdlib.get_logger(__name__)
        self._mutex = Lock()
        self._silent = False
        self._next_trial = 0.0

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        """Take one token, if there is one. A changed allowance starts with a full bucket."""
        if not self._may_ask():
            return _passed(burst)
        try:
            taken = take_one(self._store, client_id, per_second=per_second, burst=burst)
        except ValkeyError as error:
            self._failed(error)
            return _passed(burst)
        self._answered()
        return taken

    def close(self) -> None:
        """Close the connections."""
        self._store.client.connection_pool.disconnect()

    def _may_ask(self) -> bool:
        """Whether to ask the server now; in an outage this takes the turn, so that others do not wait as well."""
        if not self._silent:
            return True
        with self._mutex:
            now = time.monotonic()
            if now < self._next_trial:
                return False
            self._next_trial = now + SECONDS_BETWEEN_TRIALS
            return True

    def _failed(self, error: ValkeyError) -> None:
        with self._mutex:
            began, self._silent = not self._silent, True
            self._next_trial = time.monotonic() + SECONDS_BETWEEN_TRIALS
        if began:
            # The driver's message may name the host, and an answer of the server the key: the kind of error is enough.
            self._log.warning("rate limits are not kept: Valkey does not answer", error=type(error).__name__)

    def _answered(self) -> None:
        if not self._silent:
            return
        with self._mutex:
            ended, self._silent = self._silent, False
        if ended:
            self._log.info("rate limits are kept again: Valkey answers")


class _ValkeyStore(RedisStore):
    """The library's Redis store, over Valkey's own client."""

    def __init__(self, url: str, timeout: float) -> None:
        if url.partition("://")[0] not in _SCHEMES:  # the library takes others for clusters, and none for localhost
            raise _no_address()
        options = {
            "REDIS_CLIENT_CLASS": "valkey.Valkey",
            "CONNECTION_POOL_CLASS": "valkey.ConnectionPool",
            "PARSER_CLASS": "valkey.connection.DefaultParser",
            "SOCKET_TIMEOUT": timeout,
            "SOCKET_CONNECT_TIMEOUT": timeout,
            "REUSE_CONNECTION": False,  # the library would share one pool between all stores of a process
        }
        super().__init__(url, options)
        try:
            self.client = cast(Valkey, self._backend.get_client())
        except (ValueError, TypeError):
            raise _no_address() from None


def _no_address() -> ConfigurationError:
    return ConfigurationError("the address of the rate limits' Valkey is not like valkey://host:port/number")


def _passed(burst: int) -> Taken:
    return Taken(allowed=True, remaining=burst, retry_after=0.0, reset_after=0.0)
