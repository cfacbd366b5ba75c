"""Whether a filter is right: the energies before and behind it, and behind a rival that may be better.

In double talk a filter looks as wrong as after the microphone was moved. But then a rival, which starts from
nothing, does no better: so both are let run, and the better one stays.
"""

import numpy as np

from moshi_speaker.audio.frames import Samples

_SMOOTHING = 0.05
"""Of energies over hops: 0.2 s."""
_AUDIBLE_POWER = 2e-6
"""Power from which what is played may be heard: -57 dBFS."""
_ABOVE_NOISE = 4.0
"""The microphone must hear so many times its noise floor."""
_FIRST_NOISE = 1e-5
"""Its noise floor before anything was heard: -50 dBFS. It falls at once where it is quieter."""
_NOISE_RISE = 1.002
"""Factor a hop by which the noise floor may rise: 0.9 dB a second."""
_PROVEN = 0.015
"""A filter that once left less of the sound than this (-18 dB) knows the room."""
_USELESS, _WORSE = 0.4, 0.1
"""One that leaves more of the sound than the first (-4 dB) may be wrong, or somebody talks; of one that is
proven the second (-10 dB) is enough."""
_LOUD = 30.0
"""So many times the noise floor the microphone must hear for that to be told from the noise."""
_DOUBT_HOPS = 15
"""Hops in a row after which it is doubted: 0.15 s."""
_WON, _WON_HOPS = 0.5, 20
"""A rival that leaves less than half as much, after 0.2 s, has won."""
_PATIENCE_HOPS = 400
"""Audible hops that a rival has to win: 4 s."""
_REST_HOPS = 200
"""Hops without another rival after one that lost: 2 s."""
_USEFUL_DB = 8.0
"""Reduction from which the rest of the echo tells how far the filter is misplaced."""
_USEFUL_HOPS = 50
_POINTLESS_HOPS = 200
"""Audible hops in a row after which a filter that does harm is given up: 2 s."""
_TINY = 1e-12


class Watch:
    """Fed hop by hop, asked frame by frame."""

    def __init__(self) -> None:
        self._noise = _FIRST_NOISE
        self._near = 0.0
        self._left = 0.0
        self._rival = 0.0
        self._bad = 0
        self._harm = 0
        self._proven = False
        self._age = 0
        self._rest = 0
        self.audible_hops = 0
        """Hops in which an echo could be heard, since the filter began to learn."""
        self.played_hops = 0
        """Hops in which enough was played to be heard, since then."""
        self.quiet_hops = 0
        """Hops since the latest of them."""

    @property
    def noise(self) -> float:
        """Power of the microphone's noise floor."""
        return self._noise

    @property
    def useful(self) -> bool:
        """Whether the filter removes most of the echo, for a while already."""
        return self.audible_hops > _USEFUL_HOPS and self.reduction_db > _USEFUL_DB

    @property
    def reduction_db(self) -> float:
        """How much softer the microphone is behind the filter while something is played; a near talker
        makes it less."""
        return 10.0 * float(np.log10((self._near + _TINY) / (self._left + _TINY)))

    @property
    def harmful(self) -> bool:
        """Whether there is more sound behind the filter than before it, as with headphones just put on."""
        return self._left > self._near

    @property
    def pointless(self) -> bool:
        """Whether it was harmful for so long that there is no such echo any more."""
        return self._harm >= _POINTLESS_HOPS

    @property
    def doubtful(self) -> bool:
        """Whether the filter should have a rival."""
        return self._bad >= _DOUBT_HOPS and not self._rest

    @property
    def rival_won(self) -> bool:
        """Whether the rival is better."""
        return self._age >= _WON_HOPS and self._rival < _WON * self._left

    @property
    def rival_lost(self) -> bool:
        """Whether the rival had its time."""
        return self._age >= _PATIENCE_HOPS

    def listen(self, near: Samples) -> float:
        """Take a hop of the microphone, shape (240,), for its noise floor; its power."""
        heard = _power(near)
        if heard > 0.0:  # a device that delivers nothing tells nothing about the room
            self._noise = max(min(heard, self._noise * _NOISE_RISE), _TINY)
        return heard

    def hop(self, far: Samples, near: Samples, left: Samples, rival: Samples | None) -> bool:
        """Take a hop: what was played, the microphone, and what the filters left of it, shape (240,) each.

        Says whether an echo could be heard.
        """
        heard = self.listen(near)
        self._rest = max(0, self._rest - 1)
        self.quiet_hops += 1
        if _power(far) < _AUDIBLE_POWER:
            return False
        self.played_hops += 1
        self.quiet_hops = 0
        rest = _power(left)
        if max(heard, rest) < _ABOVE_NOISE * self._noise:
            return False
        self.audible_hops += 1
        self._near += _SMOOTHING * (heard - self._near)
        self._left += _SMOOTHING * (rest - self._left)
        self._harm = self._harm + 1 if self.harmful else 0
        self._proven |= self.audible_hops > _USEFUL_HOPS and self._left < _PROVEN * self._near
        useless = self._left > (_WORSE if self._proven else _USELESS) * self._near
        if heard > _LOUD * self._noise:
            self._bad = self._bad + 1 if useless else 0
        if rival is not None:
            self._age += 1
            self._rival += _SMOOTHING * (_power(rival) - self._rival)
        return True

    def learning_began(self) -> None:
        """The filter starts from nothing."""
        self.audible_hops = self.played_hops = 0
        self._bad = 0
        self._harm = 0
        self._proven = False
        self._left = 0.0

    def moved(self) -> None:
        """The filter is in another place: it will show whether that is right."""
        self._bad = 0
        self._left = 0.0

    def rival_began(self) -> None:
        """There is a rival now."""
        self._age = 0
        self._rival = self._left

    def rival_ended(self, *, won: bool) -> None:
        """There is none any more; one that won is the filter now."""
        self._bad = 0
        self._age = 0
        if won:
            self._left = self._rival
            self._proven = False
            self.audible_hops = 0
        else:
            self._rest = _REST_HOPS


def _power(hop: Samples) -> float:
    return float(hop @ hop) / len(hop)
