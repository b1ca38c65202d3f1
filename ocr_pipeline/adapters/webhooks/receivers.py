"""The form of a callback address: what of a URL is taken, before any name is looked up.

URLs are read differently by different programs, and every difference is a way around a check. So only one plain
spelling is taken: ASCII, no user, no fragment, a host of letters, digits and hyphens, and IP addresses as they are
usually written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from ocr_pipeline.domain.errors import Refused

REASON = "callback_refused"
MAX_CHARACTERS = 2_000

_PORTS = {"https": 443, "http": 80}
_FIRST_FREE_PORT = 1024
_PLAIN = re.compile(r"[!-~]+")
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAX_NAME = 253
_OWN_NAMES = frozenset({"localhost", "localdomain", "local", "internal", "lan", "intranet", "home", "corp", "arpa"})
"""Top names that only mean something within a network (RFC 6761, RFC 6762, RFC 9476 and custom), and `arpa`."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a message goes. None of it may be shown: what a client gave is PHI."""

    secure: bool
    host: str = field(repr=False)
    port: int = field(repr=False)
    path: str = field(repr=False)

    @property
    def authority(self) -> str:
        """What stands in the Host field: the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.secure else "http"]
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def is_own_name(self) -> bool:
        """Whether the host is a name that only means something within a network."""
        if ":" in self.host or _NUMBER.fullmatch(_last_label(self.host)):
            return False
        return "." not in self.host or _last_label(self.host) in _OWN_NAMES


def parse(address: str, *, allow_http: bool) -> Receiver:
    """Read a callback address. Raises Refused, with a message that holds nothing of it."""
    if len(address) > MAX_CHARACTERS:
        raise refused(f"the callback address has more than {MAX_CHARACTERS} characters")
    if not _PLAIN.fullmatch(address) or "\\" in address:
        raise refused("the callback address holds characters that no URL has; names go in their ASCII form (punycode)")
    parts = _split(address)
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise refused("the callback address must begin with https://")
    if "@" in parts.netloc:
        raise refused("the callback address may not name a user")
    if "#" in address:
        raise refused("the callback address may not have a fragment")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(parts.scheme == "https", _host(parts), _port(parts), path)


def refused(message: str) -> Refused:
    """What is raised for every callback address that is not taken."""
    return Refused(REASON, message)


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise refused("the callback address is no URL") from None


def _port(parts: SplitResult) -> int:
    """The scheme's usual port or one from 1024 on: what listens below is mail, shells and file shares, no receiver."""
    usual = _PORTS[parts.scheme]
    try:
        port = usual if parts.port is None else parts.port
    except ValueError:
        raise refused("the callback address has no usable port") from None
    if port != usual and port < _FIRST_FREE_PORT:
        raise refused("the callback address has no usable port")
    return port


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        return _ipv6(host)
    if len(host) > _MAX_NAME or not _NAME.fullmatch(host):
        raise refused("the callback address has no usable host")
    if _NUMBER.fullmatch(_last_label(host)):
        return _ipv4(host)
    return host


def _ipv6(host: str) -> str:
    try:
        parsed = IPv6Address(host)
    except AddressValueError:
        raise refused("the callback address has no usable host") from None
    if parsed.scope_id is not None:
        raise refused("the callback address has no usable host")
    return parsed.compressed


def _ipv4(host: str) -> str:
    """Four plain decimal numbers; programs disagree about all other ways to write an address."""
    try:
        return str(IPv4Address(host))
    except AddressValueError:
        raise refused("an IP address in the callback address must be four plain decimal numbers") from None


def _last_label(host: str) -> str:
    return host.rpartition(".")[2]
