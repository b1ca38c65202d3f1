"""Ports that tests hand to servers stay theirs: three lanes of tests start servers side by side."""

from __future__ import annotations

import socket

import pytest

from tools.ports import free_port, free_ports


def test_nobody_else_is_given_the_port_though_nobody_listens_yet() -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 60)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))


def test_a_server_may_listen_on_it_and_stop_and_listen_again() -> None:
    port = free_port()
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port), 60):
            pass


def test_all_are_different() -> None:
    assert len(set(free_ports(50))) == 50
