"""Who says goodbye, and who does not."""

import pytest

from moshi_speaker.conversation.farewell import says_goodbye
from moshi_speaker.settings import ConversationSettings

PHRASES = ConversationSettings().goodbye_phrases


@pytest.mark.parametrize(
    "text",
    [
        "Goodbye!",
        " Well, good-bye then.",
        "GOOD   BYE",
        "Bye-bye, sleep well.",
        "so he said: goodbye",
        "goodbye and sleep well",
    ],
)
def test_a_farewell(text: str) -> None:
    assert says_goodbye(text, PHRASES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "goodbyes are hard",
        "a good byword",
        "bye",
        "good. No, bye",
        "I never say goodbye without a story of ours",
    ],
)
def test_no_farewell(text: str) -> None:
    assert not says_goodbye(text, PHRASES)


def test_phrases_in_any_language_or_none() -> None:
    assert says_goodbye("Also dann, TSCHÜSS!", ["tschüss"])
    assert says_goodbye("Au revoir", ["au revoir"])
    assert not says_goodbye("goodbye", [])
    assert not says_goodbye("anything at all", ["!"])
