"""Which message makes the broker hang up: one that is too large for it, or not allowed, and that it does
not refuse in any other way. Sent again and again, it would keep everything behind it waiting for ever."""

from collections.abc import Sequence

from moshi_speaker.home.connection import Parcel

STRIKES = 3
"""Connections in a row that end at one message, until it is not sent for a while."""
PAUSE_S = 3_600.0
"""Seconds for which it is not; then it is tried once, because somebody may have mended the broker."""


class Suspects:
    """Learns from the ends of connections. Its owner locks; times are seconds of its clock."""

    def __init__(self) -> None:
        """Nothing is suspected."""
        self._suspected: set[object] = set()
        self._strikes: dict[object, int] = {}
        self._condemned: dict[object, float] = {}

    @property
    def careful(self) -> bool:
        """Whether only one message may be on its way at a time, to see which it is."""
        return bool(self._suspected)

    @property
    def blamed(self) -> bool:
        """Whether the last connection ended at one single message."""
        return bool(self._strikes)

    def condemned(self, parcel: Parcel, now: float) -> bool:
        """Whether it is not to be sent now."""
        return now < self._condemned.get(_key(parcel), now)

    def hung_up(self, unanswered: Sequence[Parcel], others: int, now: float) -> Parcel | None:
        """The broker hung up on us, and had not answered these; the one that is given up now, or None.

        ``others``: how many it had taken before on this connection. One that takes nothing at all has another
        reason.
        """
        self._suspected = {_key(parcel) for parcel in unanswered}
        if len(unanswered) != 1 or not others:
            self._strikes.clear()
            return None
        key = _key(unanswered[0])
        again = key in self._condemned
        self._strikes = {key: self._strikes.get(key, 0) + 1}
        if self._strikes[key] < STRIKES and not again:
            return None
        self._condemned[key] = now + PAUSE_S
        self._suspected.clear()
        self._strikes.clear()
        return None if again else unanswered[0]

    def answered(self, parcel: Parcel) -> bool:
        """The broker has taken it, or refused it as it should. Whether that clears it of blame."""
        key = _key(parcel)
        self._suspected.discard(key)
        self._condemned.pop(key, None)
        return self._strikes.pop(key, None) is not None

    def all_answered(self) -> None:
        """Nothing waits, and nothing is on its way."""
        self._suspected.clear()


def _key(parcel: Parcel) -> object:
    message = parcel.message
    if parcel.number is not None:
        return parcel.number
    return message.topic if message.retain else (message.topic, message.payload)
