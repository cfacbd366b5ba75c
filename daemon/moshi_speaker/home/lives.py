"""How links end, and how long to wait until the next: soon, unless somebody takes them from us."""

from moshi_speaker.home import trouble
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.trouble import Trouble

STABLE_S = 10.0
"""Seconds after which a lost link counts as one that worked: the next delay is the first one again."""
CONTESTED_LIVES = 3
"""Links shorter than that, in a row, after which another client with our id is the likely reason."""
UNCONTESTED_S = 95.0
"""Seconds that a link must live until nobody seems to want it any more."""


class Lives:
    """Judges each link by its end and by how long it lived."""

    def __init__(self, backoff: Backoff, contested: Backoff) -> None:
        """The delays until the next try: usual ones, and those while the link is ``contested``.

        Two clients with one id take the connection from each other at each try, so that they had better be
        rare.
        """
        self._usual = backoff
        self._rare = contested
        self._short = 0
        self.contested = False
        """Somebody seems to take our connections."""

    def ended(self, why: Trouble | None, lived_s: float, client_id: str, address: str) -> Trouble | None:
        """``why`` a link ended; something more telling, if it is one more of a row."""
        if lived_s >= STABLE_S:
            self._usual.reset()
            self._short = 0
        else:
            self._short += 1
        if lived_s >= UNCONTESTED_S:
            self._rare.reset()
            self.contested = False
        if why is None:
            return None
        if self._short >= CONTESTED_LIVES and why.unexplained:
            why = trouble.contested(client_id, address)
        self.contested = self.contested or why.rival
        return why

    def pause(self) -> float:
        """Seconds until the next try."""
        return self._rare.next() if self.contested else self._usual.next()
