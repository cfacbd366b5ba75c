"""A small MQTT broker of our own, on the loopback interface, for a house that has none."""

import asyncio
import errno
import logging
from typing import Any

from moshi_speaker.errors import MissingPartError
from moshi_speaker.settings import MqttSettings

HOST = "127.0.0.1"
DEFAULT_PORT = 1883
STOP_S = 3.0
"""Seconds for an orderly end; after it the rest is dropped."""

_NOISY_LOGGERS = ("amqtt", "transitions")
"""They log each stray connection as an error, with a traceback; what matters to the user, the link says."""

_log = logging.getLogger(__name__)


class EmbeddedBroker:
    """amqtt in the running event loop: anonymous, MQTT 3.1.1, nothing kept on disk."""

    def __init__(self, port: int | None) -> None:
        """``port``: None for the usual one, 0 for a free one."""
        self._wanted = DEFAULT_PORT if port is None else port
        self._broker: Any = None

    @property
    def port(self) -> int:
        """The port that is listened on. Raises RuntimeError before ``start``."""
        for server in self._servers():
            for sock in server.sockets:
                return int(sock.getsockname()[1])
        raise RuntimeError("the broker is not running")

    def link_settings(self, settings: MqttSettings) -> MqttSettings:
        """The settings with which a link reaches this broker."""
        return settings.model_copy(update={"host": HOST, "port": self.port, "protocol": "3.1.1"})

    async def start(self) -> None:
        """Listen. Raises MissingPartError when the port is taken."""
        # Imported here because it takes a while, and most houses have a broker.
        from amqtt.broker import Broker
        from amqtt.errors import BrokerError

        class ClosingBroker(Broker):  # type: ignore[misc] # amqtt has no types
            """Closes each connection in the end; amqtt forgets those that never say a proper word."""

            async def stream_connected(
                self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
            ) -> None:
                try:
                    await super().stream_connected(reader, writer, listener_name)
                finally:
                    writer.close()

        for name in _NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        broker = ClosingBroker(_config(self._wanted))
        try:
            await broker.start()
        except BrokerError as error:
            raise _failure(self._wanted, error) from error
        self._broker = broker

    async def stop(self) -> None:
        """Hang up and stop listening. May be called twice."""
        broker, self._broker = self._broker, None
        if broker is not None:
            try:
                await asyncio.wait_for(broker.shutdown(), STOP_S)
            except TimeoutError:
                _log.warning("the embedded MQTT broker did not stop within %g s", STOP_S)

    def _servers(self) -> list[asyncio.Server]:
        if self._broker is None:
            return []
        # amqtt has no public way to ask for a port that the system chose.
        return [server.instance for server in self._broker._servers.values()]


def _config(port: int) -> dict[str, Any]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


def _failure(port: int, error: BaseException) -> MissingPartError:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE:
        return MissingPartError(
            f"port {port} is in use",
            where="embedded MQTT broker",
            remedy=f"set mqtt.host: {HOST} to use the broker that runs there, or another mqtt.port",
        )
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return MissingPartError(
        f"port {port} does not open ({reason})",
        where="embedded MQTT broker",
        remedy="set mqtt.port, or mqtt.host to use another broker",
    )
