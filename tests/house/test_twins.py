"""Two speakers with one id, and one that looks like two."""

from collections.abc import Callable

from tests.house import shown
from tests.house.child import Daemon
from tests.house.home_assistant import HomeAssistant
from tests.house.network import Network

MakeDaemon = Callable[..., Daemon]


def test_a_speaker_whose_power_failed_is_back_before_the_broker_has_missed_it(
    ha: HomeAssistant, network: Network, make_daemon: MakeDaemon
) -> None:
    """The broker still holds the connection of the earlier life: that is no second speaker."""
    before = make_daemon(port=network.port)
    before.start()
    wanted = shown.changed(ha, before)
    with network.down():
        before.kill()
        after = make_daemon()
        after.start()
        after.do("settle")
        shown.until(ha, after, wanted)
    after.do("settle")
    shown.until(ha, after, wanted)
    assert "another speaker" not in after.stderr.text
    assert ha.warnings == []


def test_two_speakers_with_one_id_say_so_until_one_of_them_is_gone(
    ha: HomeAssistant, make_daemon: MakeDaemon
) -> None:
    """They take the connection from each other: what is shown meanwhile is now of one, now of the other."""
    kitchen, twin = make_daemon(), make_daemon(state="twin")
    kitchen.start()
    shown.until(ha, kitchen)
    twin.start()
    until_told_of_a_twin(ha, kitchen, twin)
    twin.stop()
    shown.until(ha, kitchen)
    assert ha.warnings == []


def test_two_speakers_with_one_id_but_client_ids_of_their_own_say_so_too(
    ha: HomeAssistant, make_daemon: MakeDaemon
) -> None:
    kitchen = make_daemon()
    twin = make_daemon(state="twin", sections={"mqtt": {"client_id": "twin"}})
    kitchen.start()
    shown.until(ha, kitchen)
    twin.start()
    until_told_of_a_twin(ha, kitchen, twin)
    twin.stop()
    shown.until(ha, kitchen)
    assert ha.warnings == []


def until_told_of_a_twin(ha: HomeAssistant, *daemons: Daemon) -> None:
    """Home Assistant shows the problem, and each of the speakers tells its own log."""
    problem = daemons[0].entity("binary_sensor", "problem")
    told = ("on", "duplicate_id")
    ha.until(lambda states: (states[problem].state, states[problem].attributes.get("code")) == told)
    for daemon in daemons:
        daemon.stderr.expect("another speaker uses the id of this one")
