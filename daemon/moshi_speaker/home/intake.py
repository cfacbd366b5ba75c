"""What comes from the broker: read, limited, handed on; what makes no sense or is too much is refused."""

import threading
from collections.abc import Callable

from moshi_speaker.errors import BadCommand
from moshi_speaker.home.commands import parse
from moshi_speaker.home.limiter import PER_S, Command, Limiter
from moshi_speaker.home.payloads import Message, answer
from moshi_speaker.home.requests import BadRequest
from moshi_speaker.home.topics import Topics


class Intake:
    """Called from any thread. Holds at most what its limiter holds, whatever comes."""

    def __init__(
        self,
        topics: Topics,
        on_command: Callable[[Command], None],
        publish: Callable[[Message], None],
        complain: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """The callables are called from several threads, one at a time, and must return at once.

        ``publish`` takes refusals, ``complain`` a line for the log, which it may leave out.
        """
        self._topics = topics
        self._on_command = on_command
        self._publish = publish
        self._complain = complain
        self._clock = clock
        self._lock = threading.Lock()
        self._limiter = Limiter()
        self._timer: threading.Timer | None = None
        self._closed = False

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        """A message came on one of ``topics.commands``."""
        try:
            command = parse(self._topics, topic, payload, retained)
        except BadCommand as error:
            self._refuse(topic, error)
            return
        if command is None:
            return
        with self._lock:
            now = self._clock()
            let_through = self._limiter.admit(topic, command, now)
            # Under the lock, so that what waited does not overtake what came later.
            for each in let_through:
                self._on_command(each)
            self._tell(now)
        if not let_through:
            self._complain(f"{topic}: too many commands; at most {PER_S:g} a second are carried out")

    def close(self) -> None:
        """Forget what waits. May be called twice."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()

    def _refuse(self, topic: str, error: BadCommand) -> None:
        self._complain(str(error))
        if not isinstance(error, BadRequest):
            return
        with self._lock:
            now = self._clock()
            if self._limiter.admit_answer(topic, error.transaction, now):
                self._publish(answer(self._topics, error.command, None, str(error), error.transaction))
            self._tell(now)

    def _work(self) -> None:
        """The timer's: what waited has room now."""
        with self._lock:
            self._timer = None
            if self._closed:
                return
            now = self._clock()
            for command in self._limiter.due(now):
                self._on_command(command)
            self._tell(now)

    def _tell(self, now: float) -> None:
        """Tell what was refused, and come back when something more is due."""
        for refusal in self._limiter.refusals(now):
            line = f"{refusal.topic}: too many requests, {refusal.number} not looked at"
            command = refusal.topic.rpartition("/")[2]
            remedy = f"at most {PER_S:g} a second are answered"
            message = answer(self._topics, command, None, f"{line}; {remedy}", refusal.transaction)
            self._publish(message)
        due = self._limiter.next_at()
        if due is not None and self._timer is None and not self._closed:
            self._timer = threading.Timer(max(0.0, due - now), self._work)
            self._timer.daemon = True
            self._timer.name = "mqtt-intake"
            self._timer.start()
