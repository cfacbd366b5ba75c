"""What we give to people for Home Assistant, as far as it can be judged without one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from moshi_speaker.home.components import components
from moshi_speaker.home.discovery import entity_id
from moshi_speaker.home.topics import Topics
from tests.ha.homeassistant import OURS
from tests.ha.house import ID

EXAMPLES = [OURS / "automations.yaml", OURS / "dashboard.yaml", Path("docs/home-assistant.md")]
BLUEPRINTS = sorted((OURS / "blueprints" / "automation" / "moshi_speaker").glob("*.yaml"))
OFFERED = {
    entity_id(str(component["platform"]), ID, key): key
    for key, component in components(Topics("moshi-speaker", ID), ["hey_jarvis", "off"]).items()
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_names_only_entities_that_there_are(path: Path) -> None:
    named = set(re.findall(rf"\w+\.moshi_speaker_{ID}_\w+", (OURS.parents[1] / path).read_text()))
    named = {name for name in named if not name.endswith("_")}  # where a template adds the rest

    assert named
    assert named <= set(OFFERED)


def test_the_table_in_the_docs_has_every_entity() -> None:
    told = re.findall(r"`(\w+)…(\w+)`", (OURS.parents[1] / "docs" / "home-assistant.md").read_text())

    assert {entity_id(platform, ID, key) for platform, key in told} == set(OFFERED)


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_every_input_of_a_blueprint_is_used_and_explained(path: Path) -> None:
    text = path.read_text()
    blueprint: Any = yaml.load(text, _Loader)["blueprint"]

    assert set(re.findall(r"!input (\w+)", text)) == set(blueprint["input"])
    assert all("name" in field and "selector" in field for field in blueprint["input"].values())


def test_whoever_acts_on_an_event_ignores_late_ones() -> None:
    told_late_on_purpose = {"moshi_kitchen_log_talks", "moshi_kitchen_falls_behind"}
    automations = yaml.safe_load((OURS / "automations.yaml").read_text())
    on_events = {
        a["id"]: yaml.safe_dump(a) for a in automations if "event.moshi" in yaml.safe_dump(a["triggers"])
    }

    assert {
        name for name, text in on_events.items() if ".late" not in text.split("conditions")[1]
    } == told_late_on_purpose


class _Loader(yaml.SafeLoader):
    """Knows the one tag of a blueprint."""


_Loader.add_constructor("!input", lambda loader, node: f"!input {node.value}")
