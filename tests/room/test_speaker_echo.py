"""The whole speaker where its microphone hears its loudspeaker: it neither wakes nor keeps itself."""

from tests.hearing import Sound, levels
from tests.room.house import HEARD_S, Room
from tests.room.loopback import loopback

CAP_S = 30.0
"""Seconds after which a talk that hears itself would end."""


def test_its_own_voice_neither_wakes_it_nor_keeps_a_talk_open(room: Room) -> None:
    talk = {"end_silence_s": 2.0, "max_conversation_s": CAP_S}
    with loopback(room.card), room.speaker(conversation=talk, audio={"volume": 80}) as speaker:
        witness = speaker.witness
        witness.expect("state", "idle")
        with room.recording() as sounds:
            room.wake(lambda: witness.expect("event/wake", within_s=HEARD_S))
            witness.expect("event/conversation", event_type="started", trigger="wake_word")
            ended = witness.expect("event/conversation", event_type="ended").fields
            witness.expect("state", "idle")
    assert ended["reason"] == "silence"
    assert spoken_s(sounds[0]) > 1.0, "there was something to hear"
    assert [heard.topic for heard in witness.heard].count("event/wake") == 1


def spoken_s(sound: Sound) -> float:
    """Seconds in which the loudspeaker is loud."""
    return 0.02 * float((levels(sound) > -40.0).sum())
