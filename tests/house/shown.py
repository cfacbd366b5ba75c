"""What Home Assistant shows of a speaker, entity by entity."""

from collections.abc import Mapping

from tests.house.child import Daemon
from tests.house.entities import UNAVAILABLE, UNKNOWN, EntityState
from tests.house.home_assistant import HomeAssistant

BACK_S = 20.0
"""Seconds within which all must be well again; it takes two or three if the machine is not busy."""
SOME = "some"
"""Stands for any state of an entity that is available."""

AWAY_AND_BACK = [[True, False, True]]
"""How the availability of all entities goes, if it goes once."""

States = Mapping[str, EntityState]

QUIET: Mapping[str, str] = {
    "state": "idle",
    "conversation": "off",
    "problem": "off",
    "wake": SOME,
    "conversation_event": SOME,
    "mute": "off",
    "start": SOME,
    "stop": SOME,
    "restart": SOME,
    "volume": "70",
    "wake_sensitivity": "0.5",
    "wake_word": "hey_jarvis",
    "rtf": "0.25",
    "frame_latency_p95": UNKNOWN,
    "dropped_frames": "0",
    "echo_reduction": UNKNOWN,
    "wake_near_misses": "0",
    "model": "talker",
    "started": SOME,
}
"""Every entity that is enabled by default, by key, of a speaker that nobody has spoken to."""
TALKING: Mapping[str, str] = {
    **QUIET,
    "state": "conversation",
    "conversation": "on",
    "frame_latency_p95": SOME,
}
"""The same in a talk."""


def of(states: States, daemon: Daemon, wanted: Mapping[str, str] = QUIET) -> dict[str, str]:
    """States by key; of an entity of which only ``SOME`` state is wanted, that if it is available."""
    mark = f".moshi_speaker_{daemon.name}_"
    shown = {name.partition(mark)[2]: one for name, one in states.items() if mark in name}
    return {
        key: SOME if wanted.get(key) == SOME and one.available else one.state for key, one in shown.items()
    }


def until(
    ha: HomeAssistant, daemon: Daemon, wanted: Mapping[str, str] = QUIET, within_s: float = BACK_S
) -> float:
    """Wait until exactly that is shown of the speaker; the seconds that took."""
    try:
        return ha.until(lambda states: of(states, daemon, wanted) == wanted, within_s)
    except AssertionError:
        shown = of(ha.states, daemon, wanted)
        odd = {key: shown.get(key) for key in {**shown, **wanted} if shown.get(key) != wanted.get(key)}
        raise AssertionError(f"of {daemon.name} is shown {odd}, wanted was {dict(wanted)}") from None


def until_gone(ha: HomeAssistant, daemon: Daemon, within_s: float = BACK_S) -> float:
    """Wait until every entity of the speaker is unavailable; the seconds that took."""
    return until(ha, daemon, dict.fromkeys(QUIET, UNAVAILABLE), within_s)


def turns(ha: HomeAssistant, daemon: Daemon, since: float) -> list[list[bool]]:
    """The different ways in which the availability of its entities went since then; one if all went alike."""
    ways = [ha.availability(name, since) for name in ha.states if f".moshi_speaker_{daemon.name}_" in name]
    return [way for number, way in enumerate(ways) if way not in ways[:number]]


def changed(ha: HomeAssistant, kitchen: Daemon) -> dict[str, str]:
    """Let the speaker be set otherwise than its configuration says; what is shown of it then."""
    until(ha, kitchen)
    ha.turn(kitchen.entity("switch", "mute"), on=True)
    ha.set_value(kitchen.entity("number", "volume"), 35)
    wanted = {**QUIET, "state": "muted", "mute": "on", "volume": "35"}
    until(ha, kitchen, wanted)
    return wanted
