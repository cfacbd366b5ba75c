"""Whatever restarts, in whichever order: what Home Assistant shows meanwhile, and afterwards."""

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.house import shown
from tests.house.child import Daemon
from tests.house.home_assistant import HomeAssistant
from tests.house.lamp import Lamp
from tests.house.network import Network
from tests.house.shown import QUIET, TALKING
from tests.mosquitto import Mosquitto

MakeDaemon = Callable[..., Daemon]
MakeMosquitto = Callable[..., Mosquitto]
ALIVE_S = 5
"""Keep-alive of the speakers here, in seconds, the least that is allowed."""
SILENT_S = 3.0 * ALIVE_S + 5.0
"""Seconds after which mosquitto takes a silent client for dead: half as long again, looked at every 5 s."""


@pytest.mark.parametrize("order", list(itertools.permutations(["broker", "speaker", "home assistant"])))
def test_in_whichever_order_they_are_started(
    make_mosquitto: MakeMosquitto, tmp_path: Path, order: tuple[str, ...]
) -> None:
    broker = make_mosquitto()
    ha, kitchen = HomeAssistant(broker.port), Daemon(tmp_path, broker.port)
    starts: dict[str, Callable[[], None]] = {
        "broker": broker.start,
        "speaker": kitchen.start,
        "home assistant": ha.start,
    }
    with ExitStack() as stack:
        stack.callback(ha.stop)
        stack.callback(kitchen.kill)
        for name in order:
            starts[name]()
        shown.until(ha, kitchen)
        assert ha.warnings == []


def test_home_assistant_restarts_and_knows_what_was_changed_meanwhile(
    lamp: Lamp, ha: HomeAssistant, kitchen: Daemon
) -> None:
    shown.until(ha, kitchen)
    ha.stop()
    lamp.tell("moshi-speaker/kitchen/volume/set", "35", retain=False)
    kitchen.do("start")
    since = time.monotonic()
    ha.start()
    shown.until(ha, kitchen, {**TALKING, "volume": "35"})
    assert shown.turns(ha, kitchen, since) == shown.AWAY_AND_BACK
    assert ha.warnings == []


def test_home_assistant_restarts_at_a_broker_of_which_somebody_cleared_everything(
    lamp: Lamp, ha: HomeAssistant, kitchen: Daemon
) -> None:
    wanted = shown.changed(ha, kitchen)
    for topic in ("availability", "state", "mute", "volume", "diagnostics", "problem", "conversation"):
        lamp.tell(f"moshi-speaker/kitchen/{topic}", None)
    lamp.tell("homeassistant/device/moshi_speaker_kitchen/config", None)
    ha.until(lambda states: not states)
    ha.restart()
    shown.until(ha, kitchen, wanted)


def test_the_broker_restarts_and_has_lost_everything(
    mosquitto: Mosquitto, ha: HomeAssistant, make_daemon: MakeDaemon
) -> None:
    """Of three speakers each is there again, as it is by then."""
    kitchen, bath, attic = (make_daemon(name) for name in ("kitchen", "bath", "attic"))
    for daemon in (kitchen, bath, attic):
        daemon.start()
    wanted = shown.changed(ha, kitchen)
    shown.until(ha, bath)
    shown.until(ha, attic)
    since = time.monotonic()
    mosquitto.kill()
    for daemon in (kitchen, bath, attic):
        shown.until_gone(ha, daemon)
    bath.do("start")
    mosquitto.start()
    shown.until(ha, kitchen, wanted)
    shown.until(ha, bath, TALKING)
    shown.until(ha, attic)
    for daemon in (kitchen, bath, attic):
        assert shown.turns(ha, daemon, since) == shown.AWAY_AND_BACK
    assert ha.warnings == []


def test_a_broker_that_keeps_what_it_retains_restarts_and_old_values_do_not_stay(
    make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    keeping = ("allow_anonymous true", "persistence true", f"persistence_location {tmp_path}/")
    broker = make_mosquitto(*keeping)
    broker.start()
    with HomeAssistant(broker.port) as ha, Daemon(tmp_path, broker.port) as kitchen:
        kitchen.start()
        shown.until(ha, kitchen)
        kitchen.do("start")
        shown.until(ha, kitchen, TALKING)
        broker.stop()
        shown.until_gone(ha, kitchen)
        kitchen.do("end")
        since = time.monotonic()
        broker.start()
        shown.until(ha, kitchen, {**QUIET, "frame_latency_p95": shown.SOME})
        assert shown.turns(ha, kitchen, since) == [[False, True]]


def test_broker_and_home_assistant_restart_at_once(
    mosquitto: Mosquitto, ha: HomeAssistant, kitchen: Daemon
) -> None:
    wanted = shown.changed(ha, kitchen)
    since = time.monotonic()
    mosquitto.kill()
    ha.stop()
    mosquitto.start()
    ha.start()
    shown.until(ha, kitchen, wanted)
    assert shown.turns(ha, kitchen, since) == shown.AWAY_AND_BACK


def test_a_network_that_drops_for_less_than_the_keep_alive_is_not_noticed(
    lamp: Lamp, ha: HomeAssistant, network: Network, make_daemon: MakeDaemon
) -> None:
    kitchen = make_daemon(port=network.port, sections={"mqtt": {"keepalive_s": ALIVE_S}})
    kitchen.start()
    shown.until(ha, kitchen)
    since = time.monotonic()
    with network.down():
        kitchen.do("start")
        lamp.tell("moshi-speaker/kitchen/volume/set", "35", retain=False)
        time.sleep(1.0)  # the drop itself
        assert shown.of(ha.states, kitchen) == QUIET
    shown.until(ha, kitchen, {**TALKING, "volume": "35"})
    assert shown.turns(ha, kitchen, since) == [[True]]


def test_who_is_silent_for_longer_than_the_keep_alive_is_away_until_it_is_heard_again(
    ha: HomeAssistant, network: Network, make_daemon: MakeDaemon
) -> None:
    """One stands still, as a machine that swaps; one is cut off; nobody minds but for these two."""
    alive: dict[str, Any] = {"sections": {"mqtt": {"keepalive_s": ALIVE_S}}}
    frozen, cut = make_daemon("frozen", **alive), make_daemon("cut", network.port, **alive)
    well = make_daemon("well")
    for daemon in (frozen, cut, well):
        daemon.start()
    for daemon in (frozen, cut, well):
        shown.until(ha, daemon)
    since = time.monotonic()
    with frozen.frozen(), network.down():
        cut.do("start")
        shown.until_gone(ha, frozen, SILENT_S)
        shown.until_gone(ha, cut, SILENT_S)
        assert shown.of(ha.states, well) == QUIET
    shown.until(ha, frozen)
    shown.until(ha, cut, TALKING)
    assert shown.turns(ha, frozen, since) == shown.AWAY_AND_BACK
    assert shown.turns(ha, cut, since) == shown.AWAY_AND_BACK
    assert shown.turns(ha, well, since) == [[True]]
    assert ha.warnings == []


def test_a_speaker_that_is_killed_is_away_at_once_and_is_as_it_was_when_it_is_back(
    ha: HomeAssistant, kitchen: Daemon
) -> None:
    wanted = shown.changed(ha, kitchen)
    since = time.monotonic()
    kitchen.kill()
    assert shown.until_gone(ha, kitchen) < 1.0
    kitchen.start()
    shown.until(ha, kitchen, wanted)
    assert shown.turns(ha, kitchen, since) == shown.AWAY_AND_BACK


def test_a_speaker_that_is_killed_in_a_talk_comes_back_without_one(
    ha: HomeAssistant, kitchen: Daemon
) -> None:
    shown.until(ha, kitchen)
    ha.press(kitchen.entity("button", "start"))
    shown.until(ha, kitchen, TALKING)
    kitchen.kill()
    shown.until_gone(ha, kitchen)
    kitchen.start()
    shown.until(ha, kitchen)


def test_a_speaker_that_ends_in_order_is_away_until_it_is_started_again(
    ha: HomeAssistant, kitchen: Daemon
) -> None:
    wanted = shown.changed(ha, kitchen)
    since = time.monotonic()
    assert kitchen.stop() == 0
    shown.until_gone(ha, kitchen)
    kitchen.start()
    shown.until(ha, kitchen, wanted)
    assert shown.turns(ha, kitchen, since) == shown.AWAY_AND_BACK


def test_a_restart_by_its_button_is_an_orderly_end_and_a_start(ha: HomeAssistant, kitchen: Daemon) -> None:
    wanted = shown.changed(ha, kitchen)
    since = time.monotonic()
    ha.press(kitchen.entity("button", "restart"))
    shown.until_gone(ha, kitchen)
    shown.until(ha, kitchen, wanted)
    assert shown.turns(ha, kitchen, since) == shown.AWAY_AND_BACK
