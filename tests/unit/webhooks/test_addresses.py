"""Public addresses pass, and no other does, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.webhooks.addresses import is_public
from ocr_pipeline.adapters.webhooks.receivers import parse
from ocr_pipeline.domain.errors import Refused

PRIVATE_NETWORKS = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)


def addresses_of(network: IPv4Network) -> st.SearchStrategy[IPv4Address]:
    first, last = int(network.network_address), int(network.broadcast_address)
    return st.integers(first, last).map(IPv4Address)


private = st.sampled_from([IPv4Network(network) for network in PRIVATE_NETWORKS]).flatmap(addresses_of)


def _octets(address: IPv4Address) -> list[int]:
    return list(address.packed)


def _mixed(address: IPv4Address) -> str:
    spell = (str, lambda octet: f"0{octet:o}", hex)
    chosen = Random(int(address))
    return ".".join(chosen.choice(spell)(octet) for octet in _octets(address))


def _short(address: IPv4Address) -> str:
    return f"{_octets(address)[0]}.{int(address) & 0xFF_FFFF}"


SPELLINGS: dict[str, Callable[[IPv4Address], str]] = {
    "decimal": lambda address: str(int(address)),
    "hexadecimal": lambda address: hex(int(address)),
    "octal": lambda address: f"0{int(address):o}",
    "dotted hexadecimal": lambda address: ".".join(hex(octet) for octet in _octets(address)),
    "dotted octal": lambda address: ".".join(f"0{octet:03o}" for octet in _octets(address)),
    "two parts": _short,
    "mixed": _mixed,
    "trailing dot": lambda address: f"{address}.",
    "fullwidth": lambda address: str(address).translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
    "percent": lambda address: str(address).replace(".", "%2e"),
}


@given(private)
def test_no_private_ipv4_address_is_public(address: IPv4Address) -> None:
    assert not is_public(str(address))


@given(private)
def test_no_private_ipv4_address_is_public_within_an_ipv6_address(address: IPv4Address) -> None:
    value = int(address)
    carriers = (
        IPv6Address(0xFFFF << 32 | value),  # mapped
        IPv6Address(value),  # compatible
        IPv6Address(0x2002 << 112 | value << 80 | 1),  # 6to4
        IPv6Address(0x2001 << 112 | 0x0808_0808 << 64 | (value ^ 0xFFFF_FFFF)),  # Teredo
        IPv6Address(0x0064_FF9B << 96 | value),  # NAT64
        IPv6Address(0x0064_FF9B_0001 << 80 | value),  # NAT64 of a network's own
    )
    assert not any(is_public(str(carrier)) for carrier in carriers)


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(address=private)
def test_no_odd_spelling_of_an_address_is_taken(spelling: str, address: IPv4Address) -> None:
    host = SPELLINGS[spelling](address)
    try:
        taken = parse(f"https://{host}/hook", allow_http=False)
    except Refused:
        return
    # A mixed spelling may happen to be the plain one; the address then is what it says, and is seen for what it is.
    assert taken.host == str(address)
    assert not is_public(taken.host)


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "::8.8.8.8",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "::ffff:169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "2600::1%eth0",
        "receiver.example",
        "",
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "168.63.129.17",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_what_is_public(address: str) -> None:
    assert is_public(address)
