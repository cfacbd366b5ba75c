"""The link to the broker: connects, keeps it told, hears commands, and connects again.

Nothing waits for the broker. ``publish`` only queues; a thread of our own does the rest.
"""

import logging
import threading
import time
from collections.abc import Callable

from moshi_speaker.errors import ConfigError, mistake
from moshi_speaker.events import Event, Request, RivalNoticed
from moshi_speaker.home import tls, trouble
from moshi_speaker.home.backlog import Backlog, MemoryBacklog
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.connection import MQTT_5, MQTT_311, Connection, Version
from moshi_speaker.home.delivery import MAX_EVENTS, Delivery
from moshi_speaker.home.discretion import Discretion
from moshi_speaker.home.intake import Intake
from moshi_speaker.home.limiter import Bucket
from moshi_speaker.home.lives import Lives
from moshi_speaker.home.payloads import OFFLINE, Message
from moshi_speaker.home.rival import new_instance, stranger
from moshi_speaker.home.telling import Teller
from moshi_speaker.home.topics import Topics
from moshi_speaker.home.traffic import LinkFigures
from moshi_speaker.home.trouble import Trouble
from moshi_speaker.settings import MqttSettings

GREETING_S = 5.0
"""Seconds for the broker's first word once a connection is open."""
FAREWELL_S = 1.0
"""Seconds for the thread to end when it was told to drop everything."""
HURRY_S = 0.25
"""Seconds between tries to reach the broker when there are only last words left to say."""
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
CONTESTED_DELAY_S = 30.0
"""Seconds before the next try when another client took the connection from us."""
LONGEST_CONTESTED_DELAY_S = 45.0
"""Two that take it from each other do so every 90 s or more often, so that the problem lasts as long."""
RIVAL_PERIOD_S = 5.0
"""Seconds between two signs of a rival that are passed on."""

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
        *,
        backlog: Backlog | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``on_command`` is called from another thread and must not raise; ``clock`` gives seconds, and
        ``wall`` seconds since 1970. What waits in the ``backlog`` is sent in order, and confirmed.

        Raises ConfigError when a TLS file is unusable, or when there is no broker to connect to.
        """
        if not settings.host or settings.port == 0:
            raise ConfigError("no broker to connect to", where="mqtt", remedy="set mqtt.host and mqtt.port")
        self.topics = Topics(settings.base_topic, device_id)
        self._settings = settings
        self._client_id = settings.client_id or f"moshi-speaker-{device_id}"
        self._tls = tls.context(settings.tls) if settings.tls.enabled else None
        self._on_command = on_command
        self._clock = clock
        self._lives = Lives(
            backoff or Backoff(FIRST_DELAY_S, LONGEST_DELAY_S),
            Backoff(CONTESTED_DELAY_S, LONGEST_CONTESTED_DELAY_S),
        )
        self._changed = threading.Condition()
        self._teller = Teller(lambda line: _log.warning("%s", line), clock)
        self._intake = Intake(
            self.topics,
            on_command,
            self.publish,
            lambda line: self._teller.tell_some("bad commands", line),
            clock,
        )
        backlog = backlog if backlog is not None else MemoryBacklog(MAX_EVENTS)
        discretion = Discretion(self.topics, settings.transcripts)
        self._delivery = Delivery(
            self.topics,
            backlog,
            discretion.permitted,
            self._changed,
            self._teller,
            clock,
            wall,
            awaited=settings.discovery.enabled,
        )
        for topic in discretion.unkept:
            self._delivery.put(Message(topic, "", qos=1, retain=True))
        self.instance = new_instance()
        """Tells this process from others with the same id; diagnostics carry it."""
        self._rival_due = float("-inf")
        self._looks = Bucket()
        """At the diagnostics of others."""
        self._closing = False
        self._insisting = False
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether there is a broker that listens now."""
        return self._delivery.connected

    @property
    def figures(self) -> LinkFigures:
        """How the link fares now."""
        return self._delivery.figures

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Queue a message. A retained one is sent again at each new connection."""
        if not self._closing:
            self._delivery.put(message)

    def notify(self) -> None:
        """There is something new in the backlog."""
        self._delivery.notify()

    def close(self, timeout: float, *, insist: bool = False) -> None:
        """Send what waits, then ``offline``; hang up when it was answered, or after ``timeout`` seconds.

        If the time was not enough, the broker sends our last will, which says the same. Without a link
        it ends at once, or, to ``insist``, tries to get one for as long as it may take.
        """
        self._intake.close()
        with self._changed:
            self._closing = True
            self._insisting = insist
        self._delivery.finish()
        if self._thread.ident is None:
            return
        self._thread.join(timeout)
        self._abandoned = True
        self._delivery.abandon()
        self._thread.join(FAREWELL_S)

    def _run(self) -> None:
        while not self._over():
            try:
                found = self._try_versions()
            except Exception as error:  # noqa: BLE001 - the last boundary of this thread: the house is told again
                self._teller.tell("mistake", f"MQTT: {mistake(error)}; connecting again")
                found = None
            if found is not None and not self._closing:
                self._teller.tell("link", f"{found.line}; talk goes on without it", kind=found.kind)
            self._pause()

    def _over(self) -> bool:
        """Whether we close, and there is nothing more to try."""
        return self._closing and (self._delivery.all_said or self._abandoned or not self._insisting)

    def _pause(self) -> None:
        """Wait before the next try."""
        with self._changed:
            if self._closing:
                self._changed.wait_for(self._over, HURRY_S)
            else:
                self._changed.wait_for(lambda: self._closing, self._lives.pause())

    def _try_versions(self) -> Trouble | None:
        """Connect and talk with the first version that the broker takes; why it ended, or failed."""
        found = None
        for version in _VERSIONS[self._settings.protocol]:
            connection = self._connection(version)
            try:
                found = connection.open() or self._greeting(connection)
                if found is None:
                    return self._talk(connection)
            except BaseException:
                connection.close(orderly=False)
                raise
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
            will=self._delivery.availability(OFFLINE),
            changed=self._changed,
            hear=self._hear,
            complain=self._teller.tell,
            answered=self._delivery.answered,
        )

    def _greeting(self, connection: Connection) -> Trouble | None:
        with self._changed:
            self._changed.wait_for(lambda: connection.greeted or connection.ended or self._over(), GREETING_S)
        return None if connection.greeted else (connection.ended or trouble.unanswered(connection.address))

    def _talk(self, connection: Connection) -> Trouble | None:
        since = self._clock()
        if not self._lives.contested and not self._delivery.under_suspicion:
            _log.info("connected to the MQTT broker %s (MQTT %s)", connection.address, connection.version)
            self._teller.forget("link")
        self._serve(connection)
        lived_s = self._clock() - since
        found = self._lives.ended(connection.ended, lived_s, self._client_id, connection.address)
        if found is not None and found.rival:
            self._notice_rival(f"it takes over the connections of client {self._client_id}")
        return found

    def _serve(self, connection: Connection) -> None:
        """Send and hear until the link ends, or all is said and we close."""
        connection.subscribe(self.topics.commands)
        connection.subscribe([self._settings.discovery.status_topic])
        connection.subscribe([self.topics.availability, self.topics.diagnostics], without_own=True)
        self._delivery.serve(connection)
        connection.close(orderly=self._delivery.all_said)

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self._delivery.heard()
        if topic in self.topics.commands:
            self._intake.hear(topic, payload, retained)
        elif retained:
            return  # it is from before we came, and on coming we say everything anyway
        elif topic == self._settings.discovery.status_topic and payload == b"online":
            self._delivery.born()
        elif topic == self.topics.availability and payload == OFFLINE.encode():
            self._delivery.denied()
        elif topic == self.topics.diagnostics:
            self._compare(payload)

    def _compare(self, diagnostics: bytes) -> None:
        """Whose diagnostics these are; of a flood only some are looked at, since they may be long."""
        now = self._clock()
        due = now >= self._rival_due and self._looks.take(now)
        if due and (who := stranger(diagnostics, self.instance)):
            self._notice_rival(who)

    def _notice_rival(self, who: str) -> None:
        self._rival_due = self._clock() + RIVAL_PERIOD_S
        self._on_command(RivalNoticed(who))
