"""Which wake words may be chosen while the speaker runs, by the names that people choose from."""

from collections.abc import Iterable, Mapping

from moshi_speaker.settings import WakeSettings, WakeWord

OFF = "off"
"""Nobody listens. Not "none": Home Assistant takes that for a value that is not known."""
LONGEST = 255
"""Characters of a name at most: Home Assistant takes no more."""

_RESERVED = (OFF, "none")


def choices(configured: WakeSettings, bundled: Iterable[str]) -> Mapping[str, tuple[WakeWord, ...]]:
    """The words behind each name: all that are configured, each of them, each bundled one, and ``off``."""
    known = {_name(word): (word,) for word in configured.words}
    for name in bundled:
        known.setdefault(name, (WakeWord(model=name),))
    return {name_of(configured.words): configured.words, **known, OFF: ()}


def present(wake: WakeSettings) -> str:
    """The name of what these settings listen for."""
    return name_of(wake.words) if wake.enabled else OFF


def chosen(wake: WakeSettings, words: tuple[WakeWord, ...]) -> WakeSettings:
    """The settings that listen for these words, or for none."""
    return wake.model_copy(update={"enabled": True, "words": words} if words else {"enabled": False})


def name_of(words: tuple[WakeWord, ...]) -> str:
    """The name under which these words are chosen."""
    name = " + ".join(map(_name, words))
    return name if len(name) <= LONGEST else f"all {len(words)} words"


def _name(word: WakeWord) -> str:
    """A file whose name means something else here is called with its suffix."""
    reserved = word.path is not None and word.name.lower() in _RESERVED
    return word.path.name if reserved and word.path is not None else word.name
