"""What goes to the broker, and when: current values first, then the events that waited, in order."""

import threading
from collections.abc import Callable
from dataclasses import replace

from moshi_speaker.home import trouble
from moshi_speaker.home.backlog import Backlog, Feed, WaitingEvent, is_late, message
from moshi_speaker.home.connection import Connection, Parcel, Refusal
from moshi_speaker.home.greeting import Greeting
from moshi_speaker.home.outgoing import Outgoing
from moshi_speaker.home.payloads import OFFLINE, ONLINE, Message
from moshi_speaker.home.repeats import Repeat, Repeats
from moshi_speaker.home.suspects import Suspects
from moshi_speaker.home.telling import Teller
from moshi_speaker.home.topics import Topics
from moshi_speaker.home.traffic import LinkFigures, Traffic

MAX_EVENTS = 100
"""Events that may wait which are in no backlog, and lines of the log."""
MAX_ANSWERS = 1000
"""Answers to requests that may wait; beyond it the oldest is dropped and counted."""
MAX_IN_FLIGHT = 16
"""Messages that may wait for the broker's answer; below mosquitto's limit of 20."""
ANSWER_S = 60.0
"""Seconds for the broker to acknowledge a message; then the connection is made anew."""
RETRY_S = 10.0
"""Seconds after which an event is sent again that the broker could not take just then."""
TRIES = 3
"""How often it is sent until it is given up."""

_ANSWERS, _OTHERS = "answers", "events"
_TOO_MANY = {
    _ANSWERS: "more is asked than the MQTT broker takes answers: the oldest answer that waited was dropped",
    _OTHERS: "more happens than the MQTT broker takes: the oldest event that waited was dropped",
}


class Delivery:
    """Keeps what is to be sent, and sends it over one connection after the other.

    ``serve`` is called by the link's thread; everything else from any.
    """

    def __init__(
        self,
        topics: Topics,
        backlog: Backlog,
        permitted: Callable[[WaitingEvent], WaitingEvent | None],
        changed: threading.Condition,
        teller: Teller,
        clock: Callable[[], float],
        wall: Callable[[], float],
        awaited: bool = False,
    ) -> None:
        """``permitted`` says what may be sent of an event, if anything may. ``clock`` gives seconds, ``wall``
        seconds since 1970; ``changed`` is notified at each change. ``awaited``: Home Assistant is to hear it
        all, and is waited for with what is late."""
        self._topics = topics
        self._backlog = backlog
        self._permitted = permitted
        self._feed = Feed(backlog, MAX_IN_FLIGHT)
        self._changed = changed
        self._teller = teller
        self._clock = clock
        self._wall = wall
        self._awaited = awaited
        self._greeting = Greeting()
        self._outgoing = Outgoing(self._kind, {_ANSWERS: MAX_ANSWERS, _OTHERS: MAX_EVENTS})
        self._outgoing.put(self.availability(ONLINE))
        self._repeats = Repeats()
        self._traffic = Traffic()
        self._suspects = Suspects()
        self._taken = 0
        """Messages that the broker took on this connection."""
        self._tries: dict[int | None, int] = {}
        self._given: set[int] = set()
        """Events that went out on this connection and are not confirmed in the backlog."""
        self._refused_topics: set[str] = set()
        self._connection: Connection | None = None
        self._dropped_before = 0
        self._finishing = False
        self._abandoned = False
        self._parted = False
        self.all_said = False
        """The broker has everything, and knows that we go."""

    @property
    def connected(self) -> bool:
        """Whether there is a broker that listens now."""
        return self._traffic.connected_since is not None

    @property
    def under_suspicion(self) -> bool:
        """Whether the last connection ended at a message that may be to blame, so that the next may too."""
        return self._suspects.blamed

    @property
    def figures(self) -> LinkFigures:
        """How it fares now; from any thread, at once. How many events wait only the backlog can tell."""
        with self._changed:
            parcels = self._connection.unanswered if self._connection else []
            waiting = len(self._outgoing) + sum(parcel.number is None for parcel in parcels)
            return self._traffic.figures(waiting, self._dropped)

    def availability(self, payload: str) -> Message:
        """The message that says ``online`` or ``offline``."""
        return Message(self._topics.availability, payload, qos=1, retain=True)

    def put(self, one: Message) -> None:
        """Queue a message."""
        with self._changed:
            lost = self._outgoing.put(one)
            self._changed.notify_all()
            connected = self.connected
        if lost and connected:
            self._teller.tell_some(f"{lost} dropped", _TOO_MANY[lost])

    def notify(self) -> None:
        """There is something new in the backlog."""
        with self._changed:
            self._feed.notify()
            self._changed.notify_all()

    def born(self) -> None:
        """Home Assistant was started: send everything again, soon."""
        with self._changed:
            self._repeats.born(self._clock())
            self._changed.notify_all()

    def denied(self) -> None:
        """Somebody said that we were offline: say that we are not."""
        with self._changed:
            self._repeats.denied(self._clock())
            self._changed.notify_all()

    def finish(self) -> None:
        """Send what waits, then ``offline``, and no more."""
        with self._changed:
            self._finishing = True
            self._outgoing.withdraw(self._topics.availability)
            self._changed.notify_all()

    def abandon(self) -> None:
        """Send nothing more at all."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def heard(self) -> None:
        """A message came."""
        with self._changed:
            self._traffic.received += 1

    def serve(self, connection: Connection) -> None:
        """Send until the connection ends, or everything is said."""
        late = self._awaited and any(
            is_late(event, self._wall()) for event in self._backlog.after(0, MAX_IN_FLIGHT)
        )
        with self._changed:
            self._greeting.connected(self._clock(), late=late)
            lost, self._dropped_before = self._dropped - self._dropped_before, self._dropped
            self._traffic.connected(self._clock())
            self._repeats.connected(self._clock())
            self._connection = connection
            self._taken = 0
        if lost:
            what = f"the {lost} oldest events and answers that waited were dropped"
            self._teller.say(f"MQTT broker {connection.address}: was away for too long: {what}")
        try:
            while (parcel := self._next(connection)) is not None:
                connection.send(parcel)
        finally:
            unanswered = self._part(connection)
        self._suspect(connection, unanswered)

    def _part(self, connection: Connection) -> list[Parcel]:
        """Be ready for the next connection; what this one leaves without an answer."""
        with self._changed:
            self._traffic.lost()
            self._dropped_before = self._dropped
            unanswered = connection.unanswered
            self._outgoing.renew(parcel.message for parcel in unanswered if parcel.number is None)
            self._feed.rewind()
            self._given.clear()
            self._connection = None
            self.all_said = connection.ended is None and not unanswered and self._parted
        return unanswered

    def answered(self, parcel: Parcel, refusal: Refusal | None) -> None:
        """The broker has it, or does not take it."""
        again = False
        with self._changed:
            if self._suspects.answered(parcel):
                self._teller.forget("link")
            tries = self._tries.pop(parcel.number, 0) + 1
            if refusal is None:
                self._taken += 1
                self._traffic.acknowledged(self._clock() - parcel.sent_at)
                self._refused_topics.discard(parcel.message.topic)
            else:
                again = parcel.number is not None and not refusal.for_good and tries < TRIES
                if again:
                    self._tries[parcel.number] = tries
                    self._feed.hold(self._clock() + RETRY_S)
                else:
                    self._traffic.refused += 1
        if refusal is not None and not again:
            self._tell_refused(parcel.message.topic, refusal.reason)
        if parcel.number is not None:
            if not again:
                self._backlog.confirm(parcel.number)
            with self._changed:
                self._given.discard(parcel.number)

    def _tell_refused(self, topic: str, reason: str) -> None:
        """Once for each topic, and one line where the broker takes nothing at all."""
        if topic not in self._refused_topics:
            self._refused_topics.add(topic)
            line = f"the MQTT broker does not take what we publish on {topic} ({reason})"
            self._teller.tell_some("refusals", f"{line}; allow this speaker to at the broker")

    def _suspect(self, connection: Connection, unanswered: list[Parcel]) -> None:
        """If the broker hung up on us: find out whether there is a message at which it does."""
        why = connection.ended
        if why is None or not why.our_fault:
            return
        with self._changed:
            condemned = self._suspects.hung_up(unanswered, self._taken, self._clock())
        if len(unanswered) == 1:
            connection.ended = replace(why, unexplained=False)
        if condemned is not None:
            message = condemned.message
            line = f"MQTT broker {connection.address}: hangs up at each message on {message.topic}"
            remedy = "it is not sent for an hour; look into the broker's log"
            self._teller.say(f"{line} ({len(message.encoded)} bytes); {remedy}")

    def _next(self, connection: Connection) -> Parcel | None:
        """The next message to send; None when the connection ended, or all is said."""
        while self._await_turn(connection):
            parcel = self._look()
            if parcel is None:
                continue
            if not self._suspects.condemned(parcel, self._clock()):
                return parcel
            self._withhold(parcel)
        return None

    def _withhold(self, parcel: Parcel) -> None:
        """Do not send it: a value may be sent another time, everything else is given up."""
        if parcel.number is not None:
            self._backlog.confirm(parcel.number)
        with self._changed:
            self._traffic.refused += 1
            if parcel.number is not None:
                self._given.discard(parcel.number)

    def _look(self) -> Parcel | None:
        """What is to be sent now, if there is anything."""
        with self._changed:
            waiting = self._outgoing.take()
        if waiting is not None:
            return Parcel(waiting, sent_at=self._clock())
        event = self._feed.next()
        if event is None:
            return None
        if (permitted := self._permitted(event)) is not None:
            with self._changed:
                self._given.add(event.number)
            return Parcel(message(permitted, self._wall()), event.number, sent_at=self._clock())
        self._backlog.confirm(event.number)
        return None

    def _await_turn(self, connection: Connection) -> bool:
        """Wait until something may be sent; False when the connection ended, or all is said."""
        with self._changed:
            while not connection.ended and not self._abandoned:
                now = self._clock()
                self._repeat(now)
                if not self._given:
                    self._feed.settle()
                in_flight = connection.unanswered
                window = 1 if self._suspects.careful else min(MAX_IN_FLIGHT, connection.window)
                greeted = self._finishing or not self._greeting.awaited(now)
                waiting = len(self._outgoing) or (greeted and self._feed.ready(now))
                if not waiting and not in_flight:
                    self._suspects.all_answered()
                if waiting and len(in_flight) < window:
                    return True
                if in_flight and now >= in_flight[0].sent_at + ANSWER_S:
                    connection.give_up(trouble.deaf(connection.address))
                elif not self._finishing or waiting or in_flight:
                    self._changed.wait(self._wait_s(now, in_flight))
                elif self._parted:
                    return False
                else:
                    self._parted = True
                    self._outgoing.put(self.availability(OFFLINE))
        return False

    def _wait_s(self, now: float, in_flight: list[Parcel]) -> float | None:
        """Seconds until something is due without a sign from anybody."""
        answer = in_flight[0].sent_at + ANSWER_S - now if in_flight else float("inf")
        others = (self._repeats.wait_s(now), self._feed.wait_s(now), self._greeting.wait_s(now))
        wait_s = min(answer, *others)
        return wait_s if wait_s < float("inf") else None

    def _repeat(self, now: float) -> None:
        """Queue what is due to be sent again; our own farewell, which we may hear too, is no reason."""
        due = self._repeats.take(now)
        if self._finishing:
            return
        if due is Repeat.ALL:
            self._greeting.answered()
            self._outgoing.repeat()
        elif due is Repeat.AVAILABILITY:
            self._outgoing.put(self.availability(ONLINE))

    @property
    def _dropped(self) -> int:
        return self._outgoing.dropped.total() + self._backlog.dropped

    def _kind(self, topic: str) -> str:
        return _ANSWERS if topic.startswith(self._topics.response("")) else _OTHERS
