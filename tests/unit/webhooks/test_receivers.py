"""One plain spelling of a URL is taken; a refusal never repeats what was given."""

from __future__ import annotations

import pytest

from ocr_pipeline.adapters.webhooks.receivers import parse
from ocr_pipeline.domain.errors import Refused

REFUSED = {
    "plain http": "http://receiver.example/hook",
    "another scheme": "ftp://receiver.example/hook",
    "a file": "file:///etc/passwd",
    "no scheme": "receiver.example/hook",
    "no host": "https:///hook",
    "a user": "https://kim@receiver.example/",
    "a user and a password": "https://kim:pw@receiver.example/",
    "a host dressed as a user": "https://receiver.example@127.0.0.1/",
    "an empty user": "https://@receiver.example/",
    "a fragment": "https://receiver.example/#part",
    "an empty fragment": "https://receiver.example/#",
    "a backslash": "https://receiver.example\\@127.0.0.1/",
    "a space": "https://receiver.example/ hook",
    "a space in front": " https://receiver.example/",
    "a line break": "https://receiver.example/\r\nhost: other",
    "a tab": "https://recei\tver.example/",
    "a null": "https://receiver.example/\0",
    "letters outside ASCII": "https://병원.example/",
    "a dot at the end": "https://receiver.example./",
    "an empty label": "https://receiver..example/",
    "a percent sign in the host": "https://%6cocalhost/",
    "a label that is too long": f"https://{'a' * 64}.example/",
    "a name that is too long": f"https://{'a.' * 127}example/",
    "port 0": "https://receiver.example:0/",
    "the port of a mail server": "https://receiver.example:25/",
    "the port of the other scheme": "https://receiver.example:80/",
    "a port too high": "https://receiver.example:65536/",
    "no number for a port": "https://receiver.example:http/",
    "a zone": "https://[fe80::1%25eth0]/",
    "an open bracket": "https://[::1/",
    "a future address": "https://[v1.x]/",
    "an address of five numbers": "https://1.2.3.4.5/",
    "an address out of range": "https://256.1.1.1/",
    "too many characters": f"https://receiver.example/{'a' * 2_000}",
    "nothing": "",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(REFUSED[what], allow_http=False)
    assert refusal.value.reason == "callback_refused"
    shown = f"{refusal.value} {refusal.value.limit}"
    assert not any(part in shown for part in ("receiver", "kim", "hook", "127", "passwd"))
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "authority", "path"),
    [
        ("https://receiver.example", "receiver.example", "/"),
        ("https://Receiver.EXAMPLE:8443/a/b?c=d", "receiver.example:8443", "/a/b?c=d"),
        ("https://receiver.example:443?c", "receiver.example", "/?c"),
        ("https://xn--vv4b91l.example/", "xn--vv4b91l.example", "/"),
        ("https://8.8.8.8/", "8.8.8.8", "/"),
        ("https://[2606:4700:0:0::1111]:8443/", "[2606:4700::1111]:8443", "/"),
    ],
)
def test_what_is_taken(address: str, authority: str, path: str) -> None:
    receiver = parse(address, allow_http=False)
    assert (receiver.authority, receiver.path, receiver.secure) == (authority, path, True)


def test_plain_http_where_it_is_allowed() -> None:
    receiver = parse("http://receiver.example/", allow_http=True)
    assert (receiver.secure, receiver.port, receiver.authority) == (False, 80, "receiver.example")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "a.localhost", "printer.local", "vault.internal", "intranet", "nas.lan"]
)
def test_names_of_a_network_are_known_as_such(host: str) -> None:
    assert parse(f"https://{host}/", allow_http=False).is_own_name


@pytest.mark.parametrize("host", ["receiver.example", "localhost.example", "8.8.8.8", "[::1]"])
def test_other_hosts_are_no_names_of_a_network(host: str) -> None:
    assert not parse(f"https://{host}/", allow_http=False).is_own_name


def test_a_receiver_does_not_show_where_it_is() -> None:
    assert repr(parse("https://receiver.example/hook", allow_http=False)) == "Receiver(secure=True)"
