"""Pieces of text become utterances at pauses, sentence ends, and when they grow too long."""

import random

from moshi_speaker.conversation.utterance import (
    MAX_CHARACTERS,
    PAUSE_FRAMES,
    SENTENCE_PAUSE_FRAMES,
    Utterance,
    add_frame,
    flush,
)

Frame = tuple[str, bool]


def assemble(frames: list[Frame]) -> tuple[list[str], Utterance]:
    """All that became final, and what is still open."""
    utterance = Utterance()
    final: list[str] = []
    for piece, silent in frames:
        utterance, texts = add_frame(utterance, piece, silent)
        final += texts
    return final, utterance


def words(text: str) -> list[Frame]:
    return [(f" {word}", False) for word in text.split()]


def padding(frames: int) -> list[Frame]:
    return [("", True)] * frames


def test_a_pause_ends_an_utterance_and_not_one_frame_earlier() -> None:
    frames = words("well I think")
    assert assemble(frames + padding(PAUSE_FRAMES - 1))[0] == []
    assert assemble(frames + padding(PAUSE_FRAMES)) == (["well I think"], Utterance())


def test_the_end_of_a_sentence_needs_a_shorter_pause() -> None:
    frames = words("Good morning.")
    assert assemble(frames + padding(SENTENCE_PAUSE_FRAMES - 1))[0] == []
    assert assemble(frames + padding(SENTENCE_PAUSE_FRAMES))[0] == ["Good morning."]


def test_a_closing_quote_after_the_full_stop_is_still_a_sentence_end() -> None:
    assert assemble(words("He said “no.”") + padding(SENTENCE_PAUSE_FRAMES))[0] == ["He said “no.”"]


def test_padding_between_words_is_no_pause_unless_it_is_in_a_row() -> None:
    frames = [frame for word in words("one two three four") for frame in (word, *padding(PAUSE_FRAMES - 1))]
    assert assemble(frames)[0] == []


def test_pieces_of_a_word_stay_together() -> None:
    frames: list[Frame] = [(" re", False), ("mark", False), ("able", False), ("!", False)]
    assert assemble(frames + padding(SENTENCE_PAUSE_FRAMES))[0] == ["remarkable!"]


def test_silence_alone_is_never_an_utterance() -> None:
    assert assemble(padding(500)) == ([], Utterance())
    assert assemble([("  ", False), ("\n", False), *padding(50)]) == ([], Utterance())
    assert flush(Utterance()) == ()
    assert flush(Utterance("  ")) == ()


def test_white_space_is_trimmed_and_folded() -> None:
    assert assemble([("  So", False), ("  what\n ", False), *padding(PAUSE_FRAMES)])[0] == ["So what"]


def test_flush_gives_what_is_still_open() -> None:
    _, utterance = assemble(words("I was about to"))
    assert flush(utterance) == ("I was about to",)


def test_somebody_who_never_pauses_is_cut_between_two_words() -> None:
    text = " ".join(f"word{number}" for number in range(400))
    final, utterance = assemble(words(text))
    assert len(final) == len(text) // MAX_CHARACTERS
    assert all(MAX_CHARACTERS - 10 < len(part) <= MAX_CHARACTERS for part in final)
    assert " ".join([*final, *flush(utterance)]) == text


def test_a_text_that_just_fits_is_not_cut_earlier() -> None:
    fits = "a" * 300 + " " + "b" * (MAX_CHARACTERS - 301)
    assert assemble([(fits, False), (" c", False)]) == ([fits], Utterance("c"))


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    final, utterance = assemble([("長" * (2 * MAX_CHARACTERS + 5), False)])
    assert [len(part) for part in final] == [MAX_CHARACTERS, MAX_CHARACTERS]
    assert utterance.text == "長" * 5


def test_no_word_is_lost_or_invented_whatever_the_rhythm() -> None:
    for seed in range(50):
        rng = random.Random(seed)
        frames: list[Frame] = []
        for number in range(300):
            frames += [(f" w{number}" + rng.choice(["", ",", ".", "?"]), False), *padding(rng.randrange(16))]
        final, utterance = assemble(frames)
        said = "".join(piece for piece, _ in frames).split()
        assert " ".join([*final, *flush(utterance)]).split() == said
        assert all(0 < len(part) <= MAX_CHARACTERS for part in final)
