"""HTTP to a test's own servers, which speak no TLS.

Where nobody says otherwise httpx reads the certificates of every authority for each client that is made, which takes
ten times as long as what a test then asks; and tests that wait for a server ask again and again.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx

from tests.waiting import PATIENCE


def no_authorities() -> ssl.SSLContext:
    """Trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def get(url: str, headers: Mapping[str, str] | None = None, *, seconds: float = PATIENCE) -> httpx.Response:
    """The answer of a server, over a connection of its own. Raises httpx.TransportError."""
    return httpx.get(url, headers=headers, timeout=seconds, trust_env=False, verify=no_authorities())
