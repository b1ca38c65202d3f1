"""One HTTP/1.1 request over a fresh connection to one of a few given addresses, within one deadline for all of it.

Nothing here looks up a name, follows a redirect, reads a proxy setting or writes a log. Of the response only the head
is read, and of that no more than a bound.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import h11

from ocr_pipeline.adapters.webhooks.receivers import Receiver
from ocr_pipeline.domain.errors import DeliveryFailed

MAX_HEAD_BYTES = 64 * 1024
_CHUNK = 4 * 1024
_MAX_TRIED = 4


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a time that several steps share; `clock` gives seconds from an arbitrary start."""

    at: float
    clock: Callable[[], float]

    def left(self) -> float:
        """Seconds left, more than 0. Raises DeliveryFailed once there are none."""
        left = self.at - self.clock()
        if left <= 0:
            raise failed("timeout")
        return left


def failed(cause: str) -> DeliveryFailed:
    """What is raised for every message that does not arrive; it never says where to."""
    return DeliveryFailed(f"the webhook was not delivered: {cause}", cause=cause)


def connect(addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
    """A connection to the first of the addresses that takes one. Raises DeliveryFailed."""
    tried = addresses[:_MAX_TRIED]
    cause = "connect"
    for still_to_try, address in zip(range(len(tried), 0, -1), tried, strict=True):
        try:
            return socket.create_connection((address, port), timeout=deadline.left() / still_to_try)
        except TimeoutError:
            cause = "timeout"
        except OSError:
            cause = "connect"
    raise failed(cause)


def secure(plain: socket.socket, host: str, trust: ssl.SSLContext, deadline: Deadline) -> ssl.SSLSocket:
    """The connection with TLS on it, the certificate checked against the host. Raises DeliveryFailed."""
    plain.settimeout(deadline.left())
    try:
        return trust.wrap_socket(plain, server_hostname=host)
    except TimeoutError:
        raise failed("timeout") from None
    except OSError:
        raise failed("tls") from None


def post(
    connection: socket.socket, receiver: Receiver, headers: Mapping[str, str], body: bytes, deadline: Deadline
) -> int:
    """Send one request and give the status of its response. Raises DeliveryFailed."""
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    own = {"host": receiver.authority, "connection": "close", "content-length": str(len(body))}
    request = h11.Request(method="POST", target=receiver.path, headers=list({**headers, **own}.items()))
    try:
        connection.settimeout(deadline.left())
        connection.sendall((protocol.send(request) or b"") + (protocol.send(h11.Data(body)) or b""))
        return _status(connection, protocol, deadline)
    except TimeoutError:
        raise failed("timeout") from None
    except OSError:
        raise failed("connect") from None
    except h11.RemoteProtocolError:
        raise failed("no_http") from None


def _status(connection: socket.socket, protocol: h11.Connection, deadline: Deadline) -> int:
    read = 0
    while True:
        event = protocol.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if event is h11.NEED_DATA:
            connection.settimeout(deadline.left())
            chunk = connection.recv(_CHUNK)
            if not chunk:
                raise failed("connect")
            read += len(chunk)
            if read > MAX_HEAD_BYTES:
                raise failed("no_http")
            protocol.receive_data(chunk)
        elif not isinstance(event, h11.InformationalResponse):
            raise failed("no_http")
