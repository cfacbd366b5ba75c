from moshi_speaker.home.topics import Topics


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
        "assistant_transcript": "home/moshi/kitchen/transcript/assistant",
        "problem": "home/moshi/kitchen/problem",
        "problem_attributes": "home/moshi/kitchen/problem/attributes",
        "diagnostics": "home/moshi/kitchen/diagnostics",
        "request_set": "home/moshi/kitchen/request/set",
        "response_set": "home/moshi/kitchen/response/set",
    }


def test_commands_are_all_the_set_topics() -> None:
    topics = Topics("moshi-speaker", "x")
    assert topics.commands == (
        topics.conversation_set,
        topics.mute_set,
        topics.volume_set,
        topics.request_set,
    )
