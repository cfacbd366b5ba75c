"""A network between a client and a broker that can drop for a while: a small TCP proxy."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

_PIECE = 65_536


class Network:
    """Carries what comes to ``port`` to the broker; a context manager.

    While it is ``down`` nothing gets through, as when a cable is pulled: open connections stay open at both
    ends, nobody hears of those that the other end closes, and new ones are not answered.
    """

    delay_s = 0.0
    """Seconds that whatever is sent takes on its way."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._peers: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._waker, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._is_down = False
        self._closing = False
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Let nothing through meanwhile."""
        self._set_down(True)
        try:
            yield
        finally:
            self._set_down(False)

    def __enter__(self) -> "Network":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._waker.send(b"!")
        self._thread.join()
        for one in (self._listener, self._waker, self._woken, *self._peers):
            one.close()
        self._selector.close()

    def _set_down(self, down: bool) -> None:
        self._is_down = down
        self._waker.send(b"!")

    def _run(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                one = key.fileobj
                assert isinstance(one, socket.socket)
                if one is self._woken:
                    one.recv(1)
                    self._turn()
                elif self._is_down:
                    continue
                elif one is self._listener:
                    self._accept()
                elif one in self._peers:
                    self._carry(one)

    def _turn(self) -> None:
        """Nobody looks at the connections while the network is down."""
        for one in (self._listener, *self._peers):
            known = one in self._selector.get_map()
            if self._is_down and known:
                self._selector.unregister(one)
            elif not self._is_down and not known:
                self._selector.register(one, selectors.EVENT_READ)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            broker = socket.create_connection(("127.0.0.1", self._broker_port))
        except OSError:
            client.close()
            return
        for one, other in ((client, broker), (broker, client)):
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _carry(self, one: socket.socket) -> None:
        data = b""
        time.sleep(self.delay_s)
        with suppress(OSError):
            data = one.recv(_PIECE)
        try:
            if data:
                self._peers[one].sendall(data)
                return
        except OSError:
            pass
        for end in (one, self._peers[one]):
            self._selector.unregister(end)
            del self._peers[end]
            end.close()
