"""Model servers found by name: one DNS name, as many addresses as there are servers behind it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from ocr_pipeline.domain.errors import ConfigurationError, EngineUnavailable

_PORTS = {"http": 80, "https": 443}


def base_address(url: str) -> str:
    """The address of a server, without a trailing slash or the `/v1` that the protocol's paths begin with.

    Raises ConfigurationError for what is no http or https address.
    """
    server_id(url)
    return url.strip().rstrip("/").removesuffix("/v1")


def server_id(url: str) -> str:
    """`host:port` of a server's address, with the brackets that an IPv6 address needs.

    Raises ConfigurationError for what is no http or https address.
    """
    host, port, scheme = _parts(url)
    if not host or scheme not in _PORTS:
        raise ConfigurationError("the address of a model server must look like http://host:port")
    return f"{_bracketed(host)}:{port or _PORTS[scheme]}"


async def resolve(name: str, port: int, *, scheme: str = "http", seconds: float = 5.0) -> tuple[str, ...]:
    """Base addresses of all servers behind a DNS name, in a stable order.

    They name hosts by number, so certificates of an https server must too. Raises EngineUnavailable when the name
    cannot be looked up, also within `seconds`.
    """
    found = await _look_up(name, port, seconds)
    if not found:
        raise EngineUnavailable("the name of the model servers cannot be looked up")
    return tuple(f"{scheme}://{_bracketed(host)}:{port}" for host in sorted(found))


async def _look_up(name: str, port: int, seconds: float) -> frozenset[str]:
    try:
        async with asyncio.timeout(seconds):
            answers = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(address[0]) for *_, address in answers)


def _parts(url: str) -> tuple[str, int | None, str]:
    with suppress(ValueError):
        parts = urlsplit(url.strip())
        return parts.hostname or "", parts.port, parts.scheme
    return "", None, ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
