"""Sending webhooks to public addresses and to no other, whatever a client or a name server says.

A name is looked up again for every message, every address it has must be public, and the connection goes to just
those addresses: a name that changes between the look and the connection (DNS rebinding) has nothing to change.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from ocr_pipeline.adapters.webhooks.addresses import is_public
from ocr_pipeline.adapters.webhooks.exchange import Deadline, connect, failed, post, secure
from ocr_pipeline.adapters.webhooks.receivers import Receiver, parse, refused
from ocr_pipeline.domain.errors import DeliveryFailed, Refused

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a name, for a port. Raises OSError for a name that has none."""

_LOOKUPS = 32
"""Far more than are ever needed at once: a name server that hangs keeps a thread busy past the deadline."""


def look_up(host: str, port: int) -> list[str]:
    """The addresses that the system knows for a name, each once. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class HttpWebhookSender:
    """Sends messages over HTTPS. Safe between threads; `close` it in the end.

    `timeout` bounds everything about one message together. `allow_http` lets messages go over plain HTTP and
    `allow_private` to addresses that are not public. `trust` says whose certificates are taken, the system's
    authorities when it is None.
    """

    def __init__(
        self,
        *,
        timeout: timedelta,
        allow_http: bool = False,
        allow_private: bool = False,
        resolve: Resolve = look_up,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout = timeout.total_seconds()
        self._allow_http = allow_http
        self._allow_private = allow_private
        self._resolve = resolve
        self._trust = trust or ssl.create_default_context()
        # A look-up cannot be interrupted: it gets a thread, so that one that hangs is left behind at the deadline.
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="webhook-lookup")

    def check(self, address: str) -> None:
        """Raises Refused where messages may not go: no https, no public address, a form that is no URL."""
        receiver = parse(address, allow_http=self._allow_http)
        try:
            addresses: Sequence[str] = self._addresses(receiver, self._deadline())
        except (OSError, DeliveryFailed):
            addresses = ()
        # One answer for no address and for a private one: two would tell which names a private network knows.
        if not addresses or not self._may_receive(receiver, addresses):
            raise refused("the host of the callback address has no address in the public network")

    def send(self, address: str, headers: Mapping[str, str], body: bytes) -> int:
        """Post and return the status, of a redirect too.

        Raises DeliveryFailed; its cause is `address_refused` for a form that is not taken, `address_private` where
        one of the addresses is not public, `connect`, `tls`, `timeout`, or `no_http` for a garbled response.
        """
        deadline = self._deadline()
        try:
            receiver = parse(address, allow_http=self._allow_http)
        except Refused:
            raise failed("address_refused") from None
        try:
            addresses = self._addresses(receiver, deadline)
        except TimeoutError:
            raise failed("timeout") from None
        except OSError:
            raise failed("connect") from None
        if not self._may_receive(receiver, addresses):
            raise failed("address_private")
        with connect(addresses, receiver.port, deadline) as plain:
            if not receiver.secure:
                return post(plain, receiver, headers, body, deadline)
            with secure(plain, receiver.host, self._trust, deadline) as connection:
                return post(connection, receiver, headers, body, deadline)

    def close(self) -> None:
        """Look nothing up any more."""
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _deadline(self) -> Deadline:
        return Deadline(time.monotonic() + self._timeout, time.monotonic)

    def _addresses(self, receiver: Receiver, deadline: Deadline) -> Sequence[str]:
        """At least one address. Raises OSError, TimeoutError (which is one)."""
        lookup = self._lookups.submit(self._resolve, receiver.host, receiver.port)
        try:
            addresses = lookup.result(timeout=deadline.left())
        finally:
            lookup.cancel()
        if not addresses:
            raise OSError("the name has no address")
        return addresses

    def _may_receive(self, receiver: Receiver, addresses: Sequence[str]) -> bool:
        if self._allow_private:
            return True
        return not receiver.is_own_name and all(is_public(address) for address in addresses)
