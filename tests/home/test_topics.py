from moshi_speaker.events import Side
from moshi_speaker.home.topics import REQUESTS, Topics


def test_every_topic_is_in_the_tree_of_one_speaker() -> None:
    topics = Topics("home/moshi", "kitchen")
    tree = {
        name: getattr(topics, name)
        for name, member in vars(Topics).items()
        if isinstance(member, property) and name not in ("root", "retained", "commands")
    }
    assert tree == {
        "availability": "home/moshi/kitchen/availability",
        "state": "home/moshi/kitchen/state",
        "conversation": "home/moshi/kitchen/conversation",
        "conversation_attributes": "home/moshi/kitchen/conversation/attributes",
        "conversation_set": "home/moshi/kitchen/conversation/set",
        "mute": "home/moshi/kitchen/mute",
        "mute_set": "home/moshi/kitchen/mute/set",
        "volume": "home/moshi/kitchen/volume",
        "volume_set": "home/moshi/kitchen/volume/set",
        "wake_event": "home/moshi/kitchen/event/wake",
        "conversation_event": "home/moshi/kitchen/event/conversation",
        "problem": "home/moshi/kitchen/problem",
        "problem_attributes": "home/moshi/kitchen/problem/attributes",
        "diagnostics": "home/moshi/kitchen/diagnostics",
        "wake_sensitivity": "home/moshi/kitchen/wake_sensitivity",
        "wake_sensitivity_set": "home/moshi/kitchen/wake_sensitivity/set",
        "wake_word": "home/moshi/kitchen/wake_word",
        "wake_word_set": "home/moshi/kitchen/wake_word/set",
        "info": "home/moshi/kitchen/info",
        "health": "home/moshi/kitchen/health",
        "log": "home/moshi/kitchen/log",
    }
    assert topics.transcript(Side.USER) == "home/moshi/kitchen/transcript/user"
    assert topics.request("set") == "home/moshi/kitchen/request/set"
    assert topics.response("set") == "home/moshi/kitchen/response/set"


def test_commands_are_all_the_set_topics() -> None:
    topics = Topics("moshi-speaker", "x")
    assert topics.commands == (
        topics.conversation_set,
        topics.mute_set,
        topics.volume_set,
        topics.wake_sensitivity_set,
        topics.wake_word_set,
        *(topics.request(command) for command in REQUESTS),
    )
