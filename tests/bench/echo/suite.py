"""Which scenes the echo bench runs, and what is measured in each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from moshi_speaker.audio.frames import Samples
from tests.room import measures, scenes
from tests.room.cancelling import Cleaning, clean_after_restart, clean_next
from tests.room.scenes import ROOMS, Scene, Sound

ALONE, KNOWN, CHANGES = "Moshi alone", "Known room", "Changes"
BOTH, WAKE, SELF = "Both talk", "Wake words", "Hears itself"
PARTS = (ALONE, KNOWN, CHANGES, BOTH, WAKE, SELF)
REDUCTION = (ALONE, KNOWN, CHANGES)
"""Parts in which Moshi alone speaks, and the echo reduction is measured."""
ECHO_DB = (0.0, 6.0, 12.0)
"""How much louder than the talker the echo is."""
WAKE_ROOMS = ("booth", "living room")
QUICK_ROOMS = ("booth", "living room")

Figures = dict[str, float]
"""Name of a figure: its value."""


@dataclass(frozen=True, slots=True)
class Case:
    """A scene, and which part of the bench it belongs to."""

    part: str
    scene: Scene
    after: Callable[[Sound, Sound], Cleaning] | None = None
    """How ours goes on to it after a talk in the same room; nobody else remembers, and is left out."""

    @property
    def before(self) -> Scene:
        """What was heard in this room before."""
        return scenes.single_talk(self.scene.name.partition(",")[0])


def cases(*, quick: bool = False) -> Iterator[Case]:
    """All of them, or those of two rooms."""
    rooms = QUICK_ROOMS if quick else tuple(ROOMS)
    for room in rooms:
        yield Case(ALONE, scenes.single_talk(room))
    for room in rooms:
        yield Case(KNOWN, scenes.next_talk(room), clean_next)
        yield Case(KNOWN, scenes.after_restart(room), clean_after_restart)
    for room in ("living room",) if quick else ("bedroom", "living room"):
        yield Case(CHANGES, scenes.with_drift(room))
        yield Case(CHANGES, scenes.with_distortion(room))
        yield Case(CHANGES, scenes.with_moved_microphone(room))
    for room in rooms:
        for echo_db in ECHO_DB[:2]:
            yield Case(BOTH, scenes.double_talk(room, echo_db))
    for room in rooms if quick else ("bedroom", "living room"):
        yield Case(BOTH, scenes.double_talk(room, None))
    for room in WAKE_ROOMS:
        for echo_db in ECHO_DB:
            yield Case(WAKE, scenes.wake_words(room, echo_db))
        yield Case(SELF, scenes.own_wake_words(room))


def without_echo(scene: Scene) -> Scene:
    """The same scene with headphones: what could be had at best."""
    return replace(scene, echo_dbfs=None)


def _alone(sound: Sound, out: Samples) -> Figures:
    found = {
        "first syllable": measures.erle_db(sound, out, 0.0, measures.FIRST_SYLLABLE_S),
        "after 1 s": measures.erle_db(sound, out, 1.0, 2.0),
        "after 3 s": measures.erle_db(sound, out, 3.0, 4.0),
        "from 4 s on": measures.erle_db(sound, out, 4.0),
    }
    moved = sound.scene.moved_at
    if moved is not None:
        found["3 s after the move"] = measures.erle_db(sound, out, 3.0, 4.0, since_s=moved)
        found["from 4 s on"] = measures.erle_db(sound, out, 4.0, since_s=moved)
    return found


def _both(sound: Sound, out: Samples) -> Figures:
    found = {"STOI": measures.stoi(sound, out)}
    if sound.scene.echo_dbfs is not None:
        found["echo down"] = measures.double_talk_reduction_db(sound, out)
    return found


def _wake(sound: Sound, out: Samples) -> Figures:
    said = {line.at for line in sound.scene.near}
    return {"found": float(measures.found_wake_words(sound, out)), "said": float(len(said))}


def _self(_: Sound, out: Samples) -> Figures:
    return {"wakes": float(len(measures.wakes(out)))}


FIGURES: dict[str, Callable[[Sound, Samples], Figures]] = {
    ALONE: _alone,
    KNOWN: _alone,
    CHANGES: _alone,
    BOTH: _both,
    WAKE: _wake,
    SELF: _self,
}
"""By part: what is measured in the output of a canceller."""
