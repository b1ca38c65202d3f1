"""Which network addresses are public: those that a message may go to.

The rule is closed: an address is public when the registries of the IANA say so and nothing here speaks against it.
An IPv6 address that carries an IPv4 address within it is as public as that one.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NEVER_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own services, on an address that looks public
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast and all that is reserved above it
    )
)
"""RFC 6890 and its registry, with the blocks that Python's `is_global` lets pass."""

_UNICAST_V6 = IPv6Network("2000::/3")
_NEVER_V6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"))
"""What of global unicast is not: protocol assignments with Teredo among them, documentation, and AS112."""

_NAT64 = IPv6Network("64:ff9b::/96")
_LOW_32_BITS = (1 << 32) - 1


def is_public(address: str) -> bool:
    """Whether an address, in the form that a resolver gives, is one of the public network. False for what is none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        carried = _carried(parsed)
        if carried is None:
            return _is_public_v6(parsed)
        parsed = carried
    return _is_public_v4(parsed)


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _NEVER_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _UNICAST_V6:
        return False
    return address.is_global and not any(address in network for network in _NEVER_V6)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets for a mapped (RFC 4291), 6to4 (RFC 3056) or NAT64 (RFC 6052) address end at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & _LOW_32_BITS)
    return None
