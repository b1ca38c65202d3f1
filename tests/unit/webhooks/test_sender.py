"""The guard of the sender: no connection is made to an address that is not public, whatever name servers say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from ocr_pipeline.adapters.webhooks.sender import HttpWebhookSender
from ocr_pipeline.domain.errors import DeliveryFailed, Refused

PUBLIC = "93.184.215.14"
TIMEOUT = timedelta(seconds=5)


class NameServer:
    """Gives its answers one after the other, and the last one for ever."""

    def __init__(self, *answers: Sequence[str] | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A local server that must never be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def was_reached(listener: socket.socket) -> bool:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True


def sender(
    *answers: Sequence[str] | OSError, timeout: timedelta = TIMEOUT, allow_private: bool = False
) -> HttpWebhookSender:
    return HttpWebhookSender(timeout=timeout, allow_private=allow_private, resolve=NameServer(*answers))


def test_a_public_receiver_passes() -> None:
    sender([PUBLIC, "2606:4700::1111"]).check("https://receiver.example/hook")


@pytest.mark.parametrize(
    "answer",
    [["10.0.0.1"], [PUBLIC, "127.0.0.1"], [PUBLIC, "fe80::1%eth0"], ["::ffff:10.0.0.1"], [], OSError("no such name")],
)
def test_every_address_of_a_name_must_be_public(answer: Sequence[str] | OSError) -> None:
    with pytest.raises(Refused) as refusal:
        sender(answer).check("https://receiver.example/hook")
    assert refusal.value.reason == "callback_refused"
    assert str(refusal.value) == "the host of the callback address has no address in the public network"


@pytest.mark.parametrize("host", ["localhost", "printer.local", "vault.internal", "intranet"])
def test_names_of_the_own_network_are_refused_whatever_they_resolve_to(host: str) -> None:
    with pytest.raises(Refused):
        sender([PUBLIC]).check(f"https://{host}/")


def test_a_literal_address_is_checked_as_well() -> None:
    guarded = HttpWebhookSender(timeout=TIMEOUT)
    guarded.check(f"https://{PUBLIC}/")
    for address in ("127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"):
        with pytest.raises(Refused):
            guarded.check(f"https://{address}/")
    guarded.close()


def test_a_name_that_turns_private_is_not_connected_to(listener: socket.socket) -> None:
    rebinding = sender([PUBLIC], ["127.0.0.1"])
    address = f"https://receiver.example:{listener.getsockname()[1]}/hook"
    rebinding.check(address)
    with pytest.raises(DeliveryFailed) as failure:
        rebinding.send(address, {}, b"{}")
    assert failure.value.cause == "address_private"
    assert not was_reached(listener)


def test_a_name_is_looked_up_once_a_message_and_connected_to_where_it_was_checked(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = NameServer([PUBLIC], ["127.0.0.1"])
    tried: list[tuple[str, int]] = []

    def no_network(address: tuple[str, int], **_: object) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", no_network)
    guarded = HttpWebhookSender(timeout=TIMEOUT, resolve=names)
    port = listener.getsockname()[1]
    with pytest.raises(DeliveryFailed) as failure:
        guarded.send(f"https://receiver.example:{port}/", {}, b"{}")
    assert failure.value.cause == "connect"
    assert names.asked == [("receiver.example", port)]
    assert tried == [(PUBLIC, port)]


def test_an_address_of_a_form_that_is_not_taken_is_not_sent_to(listener: socket.socket) -> None:
    with pytest.raises(DeliveryFailed) as failure:
        sender(["127.0.0.1"], allow_private=True).send(f"http://a.example:{listener.getsockname()[1]}/", {}, b"{}")
    assert failure.value.cause == "address_refused"
    assert not was_reached(listener)


def test_a_name_that_is_not_found_is_no_connection() -> None:
    with pytest.raises(DeliveryFailed) as failure:
        sender(OSError("no such name")).send("https://receiver.example/", {}, b"{}")
    assert failure.value.cause == "connect"


def test_a_name_server_that_hangs_is_left_behind() -> None:
    done = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        done.wait(120)
        return [PUBLIC]

    slow = HttpWebhookSender(timeout=timedelta(milliseconds=50), resolve=hang)
    try:
        with pytest.raises(DeliveryFailed) as failure:
            slow.send("https://receiver.example/", {}, b"{}")
        assert failure.value.cause == "timeout"
        with pytest.raises(Refused):
            slow.check("https://receiver.example/")
    finally:
        done.set()
        slow.close()


def test_failures_never_say_where_to() -> None:
    with pytest.raises(DeliveryFailed) as failure:
        sender(["10.0.0.1"]).send("https://receiver.example/hook?patient=kim", {}, b"{}")
    assert str(failure.value) == "the webhook was not delivered: address_private"
    assert failure.value.__cause__ is None
