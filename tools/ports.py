"""Ports for servers that must be told where to listen, kept for them while this process lives."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """As many ports as `free_port` gives, all different."""
    return [free_port() for _ in range(count)]


def free_port() -> int:
    """A loopback TCP port that nobody listens on, and that nobody is given who does not name it.

    It stays bound here, not listening, until this process ends: the system gives it neither to who asks for any port
    nor to an outgoing connection, whereas a server that sets SO_REUSEADDR, as servers do, may listen on it, stop, and
    listen again. A port that was let go would be anybody's until its server has started.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port = int(keeper.getsockname()[1])
        keeper.detach()  # or leaving the block would close it
    return port
