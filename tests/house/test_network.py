"""The network of these tests carries everything, or nothing at all."""

import socket
from collections.abc import Iterator

import pytest

from tests.house.network import Network

QUIET_S = 0.2
"""Seconds in which what gets through would have come."""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_what_is_sent_while_it_is_down_comes_when_it_is_up(server: socket.socket) -> None:
    with (
        Network(server.getsockname()[1]) as network,
        socket.create_connection(("127.0.0.1", network.port), 10.0) as client,
    ):
        peer, _ = server.accept()
        with peer:
            client.sendall(b"one")
            assert peer.recv(3) == b"one"
            with network.down():
                client.sendall(b"two")
                peer.settimeout(QUIET_S)
                with pytest.raises(TimeoutError):
                    peer.recv(3)
            peer.settimeout(10.0)
            assert peer.recv(3) == b"two"


def test_nobody_hears_of_an_end_while_it_is_down(server: socket.socket) -> None:
    with (
        Network(server.getsockname()[1]) as network,
        socket.create_connection(("127.0.0.1", network.port), 10.0) as client,
    ):
        peer, _ = server.accept()
        with network.down():
            peer.close()
            client.settimeout(QUIET_S)
            with pytest.raises(TimeoutError):
                client.recv(1)
        client.settimeout(10.0)
        assert client.recv(1) == b""
