"""The link to the broker: connects, keeps it told, hears commands, and connects again.

Nothing waits for the broker. ``publish`` only queues; a thread of our own does the rest.
"""

import logging
import threading
from collections.abc import Callable

from moshi_speaker.errors import ConfigError
from moshi_speaker.events import Event, Request
from moshi_speaker.home import tls, trouble
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.connection import MQTT_5, MQTT_311, Connection, Version
from moshi_speaker.home.intake import Intake
from moshi_speaker.home.outgoing import Outgoing
from moshi_speaker.home.payloads import OFFLINE, ONLINE, Message
from moshi_speaker.home.topics import Topics
from moshi_speaker.home.trouble import Trouble
from moshi_speaker.settings import MqttSettings

MAX_EVENTS = 100
"""Events that may wait while the broker is away; beyond it the oldest is dropped and counted."""
MAX_IN_FLIGHT = 16
"""Messages that may wait for the broker's answer; below mosquitto's limit of 20."""
GREETING_S = 5.0
"""Seconds for the broker's first word once a connection is open."""
FAREWELL_S = 1.0
"""Seconds for the thread to end when it was told to drop everything."""
HURRY_S = 0.25
"""Seconds between tries to reach the broker when there are only last words left to say."""
STABLE_S = 10.0
"""Seconds after which a lost link counts as one that worked: the next delay is the first one again."""
CONTESTED_LIVES = 3
"""Links shorter than that, in a row, after which another client with our id is the likely reason."""
QUIET_S = 10.0
"""Seconds after a bad command in which further ones are only counted."""
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0

_VERSIONS: dict[str, tuple[Version, ...]] = {"auto": (MQTT_5, MQTT_311), "5": (MQTT_5,), "3.1.1": (MQTT_311,)}

_log = logging.getLogger(__name__)


class Link:
    """Keeps the broker told, and hears commands; every method may be called from any thread."""

    def __init__(
        self,
        settings: MqttSettings,
        device_id: str,
        on_command: Callable[[Event | Request], None],
        clock: Callable[[], float],
        backoff: Backoff | None = None,
    ) -> None:
        """``on_command`` is called from another thread and must not raise; ``clock`` gives seconds.

        Raises ConfigError when a TLS file is unusable, or when there is no broker to connect to.
        """
        if not settings.host or settings.port == 0:
            raise ConfigError("no broker to connect to", where="mqtt", remedy="set mqtt.host and mqtt.port")
        self.topics = Topics(settings.base_topic, device_id)
        self._settings = settings
        self._client_id = settings.client_id or f"moshi-speaker-{device_id}"
        self._tls = tls.context(settings.tls) if settings.tls.enabled else None
        self._clock = clock
        self._backoff = backoff or Backoff(FIRST_DELAY_S, LONGEST_DELAY_S)
        self._changed = threading.Condition()
        self._outgoing = Outgoing(MAX_EVENTS)
        self._outgoing.put(self._availability(ONLINE))
        self._connected = False
        self._closing = False
        self._insisting = False
        self._abandoned = False
        self._all_said = False
        self._intake = Intake(self.topics, on_command, self.publish, self._tell_bad, clock)
        self._told: dict[str, str] = {}
        self._told_dropped = 0
        self._bad_commands = 0
        self._quiet_until = float("-inf")
        self._short_lives = 0
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether there is a broker that listens now."""
        return self._connected

    @property
    def dropped_events(self) -> int:
        """Events that were dropped because the broker was away for too long."""
        return self._outgoing.dropped

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Queue a message. A retained one is sent again at each new connection."""
        with self._changed:
            if not self._closing:
                self._outgoing.put(message)
                self._changed.notify_all()

    def close(self, timeout: float, *, insist: bool = False) -> None:
        """Send what waits, then ``offline``; hang up when it was answered, or after ``timeout`` seconds.

        If the time was not enough, the broker sends our last will, which says the same. Without a link
        it ends at once, or, to ``insist``, tries to get one for as long as it may take.
        """
        self._intake.close()
        with self._changed:
            self._closing = True
            self._insisting = insist
            self._outgoing.put(self._availability(OFFLINE))
            self._changed.notify_all()
        if self._thread.ident is None:
            return
        self._thread.join(timeout)
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
        self._thread.join(FAREWELL_S)

    def _availability(self, payload: str) -> Message:
        return Message(self.topics.availability, payload, qos=1, retain=True)

    def _run(self) -> None:
        while not self._over():
            found = self._try_versions()
            if found is not None and not self._closing:
                self._tell("link", f"{found.line}; talk goes on without it", kind=found.kind)
            self._pause()

    def _over(self) -> bool:
        """Whether we close, and there is nothing more to try."""
        return self._closing and (self._all_said or self._abandoned or not self._insisting)

    def _pause(self) -> None:
        """Wait before the next try."""
        with self._changed:
            if self._closing:
                self._changed.wait_for(self._over, HURRY_S)
            else:
                self._changed.wait_for(lambda: self._closing, self._backoff.next())

    def _try_versions(self) -> Trouble | None:
        """Connect and talk with the first version that the broker takes; why it ended, or failed."""
        found = None
        for version in _VERSIONS[self._settings.protocol]:
            connection = self._connection(version)
            found = connection.open() or self._greeting(connection)
            if found is None:
                return self._talk(connection)
            connection.close(orderly=False)
            if not found.other_version or self._over():
                break
        return found

    def _connection(self, version: Version) -> Connection:
        return Connection(
            self._settings,
            self._client_id,
            version,
            context=self._tls,
            will=self._availability(OFFLINE),
            changed=self._changed,
            hear=self._intake.hear,
            complain=self._tell,
        )

    def _greeting(self, connection: Connection) -> Trouble | None:
        with self._changed:
            self._changed.wait_for(lambda: connection.greeted or connection.ended or self._over(), GREETING_S)
        return None if connection.greeted else (connection.ended or trouble.unanswered(connection.address))

    def _talk(self, connection: Connection) -> Trouble | None:
        since = self._clock()
        if self._short_lives < CONTESTED_LIVES:
            _log.info("connected to the MQTT broker %s (MQTT %s)", connection.address, connection.version)
            self._told.pop("link", None)
        self._serve(connection)
        if self._clock() - since >= STABLE_S:
            self._backoff.reset()
            self._short_lives = 0
        else:
            self._short_lives += 1
        if connection.ended is not None and self._short_lives >= CONTESTED_LIVES:
            return trouble.contested(self._client_id, connection.address)
        return connection.ended

    def _serve(self, connection: Connection) -> None:
        """Send and hear until the link ends, or all is said and we close."""
        connection.subscribe(self.topics.commands)
        with self._changed:
            self._connected = True
            self._tell_dropped()
        while (message := self._next(connection)) is not None:
            connection.send(message)
        with self._changed:
            self._connected = False
            unanswered = connection.unanswered
            self._outgoing.renew(unanswered)
            self._all_said = connection.ended is None and not unanswered
        connection.close(orderly=self._all_said)

    def _next(self, connection: Connection) -> Message | None:
        """The next message to send; None when the link ended, or all is said and we close."""
        with self._changed:
            while not connection.ended and not self._abandoned:
                if len(connection.unanswered) < MAX_IN_FLIGHT and (message := self._outgoing.take()):
                    return message
                if self._closing and not connection.unanswered:
                    return None
                self._changed.wait()
        return None

    def _tell(self, subject: str, line: str, kind: str | None = None) -> None:
        """Log a line unless it (or its kind) was the last one about this subject."""
        kind = kind or line
        if self._told.get(subject) != kind:
            self._told[subject] = kind
            _log.warning(line)

    def _tell_bad(self, line: str) -> None:
        """Log a bad command, but not each one of a flood."""
        now = self._clock()
        if now < self._quiet_until:
            self._bad_commands += 1
            return
        more = f" (and {self._bad_commands} more bad commands before)" if self._bad_commands else ""
        self._quiet_until, self._bad_commands = now + QUIET_S, 0
        _log.warning("%s%s", line, more)

    def _tell_dropped(self) -> None:
        if self._outgoing.dropped > self._told_dropped:
            lost = self._outgoing.dropped - self._told_dropped
            _log.warning("the MQTT broker was away for too long: the %d oldest events were dropped", lost)
            self._told_dropped = self._outgoing.dropped
