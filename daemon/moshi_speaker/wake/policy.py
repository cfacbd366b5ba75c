"""How sure the wake word must be: the rules that may change while it is listened for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from moshi_speaker.settings import WakeSettings


@dataclass(frozen=True, slots=True)
class WakePolicy:
    """When scores are a detection."""

    threshold: float
    """Score, 0 to 1, from which a chunk counts."""
    patience: int
    """How many chunks in a row must reach the threshold."""
    refractory_s: float
    """Seconds after a detection in which there is no other, of whichever word."""
    guarded_threshold: float = 0.0
    """The least threshold of all words while the detector is on its guard."""
    thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Wake words with a threshold of their own, by name."""

    @classmethod
    def from_settings(cls, settings: WakeSettings) -> "WakePolicy":
        """The policy that the settings ask for."""
        own = {word.name: word.threshold for word in settings.words if word.threshold is not None}
        return cls(
            settings.threshold,
            settings.patience,
            settings.refractory_s,
            settings.guarded_threshold,
            MappingProxyType(own),
        )

    def threshold_of(self, word: str, *, guarded: bool) -> float:
        """The score that this word must reach."""
        threshold = self.thresholds.get(word, self.threshold)
        return max(threshold, self.guarded_threshold) if guarded else threshold
