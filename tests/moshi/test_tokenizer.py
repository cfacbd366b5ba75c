import random
from pathlib import Path

import pytest
import sentencepiece

from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.config import END_PAD, PAD
from moshi_speaker.moshi.tokenizer import Tokenizer
from moshi_speaker.moshi.vocabulary import train_tokenizer

ALPHABETS = ("abcdefghij klmno", "äöüßéèñ ø", "жизнь дом", "日本語 の言葉", "🙂👩‍🚀🏳️‍🌈 ⏰", "0123 ,.;:!?'\"")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(path, text_card=440)
    return path


@pytest.fixture(scope="module")
def tokenizer(path: Path) -> Tokenizer:
    return Tokenizer(path)


@pytest.fixture(scope="module")
def reference(path: Path) -> sentencepiece.SentencePieceProcessor:
    model = sentencepiece.SentencePieceProcessor()
    model.load(str(path))
    return model


def byte_tokens(reference: sentencepiece.SentencePieceProcessor, content: bytes) -> list[int]:
    return [reference.piece_to_id(f"<0x{byte:02X}>") for byte in content]


def pushed(tokenizer: Tokenizer, tokens: list[int]) -> list[str]:
    stream = tokenizer.stream()
    return [*(stream.push(token) for token in tokens), stream.flush()]


def test_any_text_comes_out_as_the_whole_text_decodes(
    tokenizer: Tokenizer, reference: sentencepiece.SentencePieceProcessor
) -> None:
    rng = random.Random(1)
    for _ in range(300):
        text = "".join(rng.choice(rng.choice(ALPHABETS)) for _ in range(rng.randrange(1, 40)))
        tokens = reference.encode(text)
        streamed = "".join(pushed(tokenizer, tokens))
        # A whole text begins without the space that its first word has.
        assert streamed.removeprefix(" ") == reference.decode(tokens)


def test_any_bytes_come_out_as_python_decodes_them(
    tokenizer: Tokenizer, reference: sentencepiece.SentencePieceProcessor
) -> None:
    rng = random.Random(2)
    likely = bytes(range(0x78, 0x100)) + b"\xe2\x82\xac\xf0\x9f\x99\x82\xc3\xa9a"
    for _ in range(500):
        content = bytes(rng.choice(likely) for _ in range(rng.randrange(1, 12)))
        streamed = "".join(pushed(tokenizer, byte_tokens(reference, content)))
        assert streamed == content.decode("utf-8", errors="replace")


@pytest.mark.parametrize("character", ["é", "€", "🙂"])
def test_a_character_appears_with_its_last_byte(
    character: str, tokenizer: Tokenizer, reference: sentencepiece.SentencePieceProcessor
) -> None:
    tokens = byte_tokens(reference, character.encode())
    assert pushed(tokenizer, tokens) == [*[""] * (len(tokens) - 1), character, ""]


@pytest.mark.parametrize("between", [PAD, END_PAD, 1, 2, -1, 32_000])
def test_padding_and_the_like_between_the_bytes_leave_the_character_whole(
    between: int, tokenizer: Tokenizer, reference: sentencepiece.SentencePieceProcessor
) -> None:
    first, second = byte_tokens(reference, "é".encode())
    assert pushed(tokenizer, [first, between, between, second]) == ["", "", "", "é", ""]


def test_a_word_in_the_middle_of_a_character_ends_it(
    tokenizer: Tokenizer, reference: sentencepiece.SentencePieceProcessor
) -> None:
    cut = byte_tokens(reference, "🙂".encode()[:3])
    word = reference.encode("water")
    pieces = pushed(tokenizer, [*cut, *word])
    assert pieces[:3] == ["", "", ""]
    assert pieces[3].startswith("\ufffd w")
    assert "".join(pieces) == "\ufffd water"


def test_a_character_that_is_never_finished_appears_at_the_end(
    tokenizer: Tokenizer, reference: sentencepiece.SentencePieceProcessor
) -> None:
    assert pushed(tokenizer, byte_tokens(reference, b"\xe2\x82")) == ["", "", "\ufffd"]


def test_a_new_character_begins_where_the_last_one_broke_off(
    tokenizer: Tokenizer, reference: sentencepiece.SentencePieceProcessor
) -> None:
    assert pushed(tokenizer, byte_tokens(reference, b"\xc3\xc3\xa9")) == ["", "\ufffd", "é", ""]


@pytest.mark.parametrize("token", [PAD, END_PAD, 1, 2, -1, 440, 32_000])
def test_padding_control_pieces_and_unknown_ids_are_not_text(token: int, tokenizer: Tokenizer) -> None:
    assert pushed(tokenizer, [token]) == ["", ""]
    assert tokenizer.byte(token) is None


def test_the_ids_of_special_pieces_are_the_published_ones(
    reference: sentencepiece.SentencePieceProcessor,
) -> None:
    assert (reference.unk_id(), reference.bos_id(), reference.eos_id(), reference.pad_id()) == (0, 1, 2, 3)


def test_a_small_vocabulary_is_honoured(tmp_path: Path) -> None:
    train_tokenizer(tmp_path / "small.model", text_card=300)
    assert 260 < Tokenizer(tmp_path / "small.model").size <= 300


@pytest.mark.parametrize("content", [b"", b"this is no model"])
def test_a_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.model").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.model: this is no SentencePiece model"):
        Tokenizer(tmp_path / "x.model")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file or directory"):
        Tokenizer(tmp_path / "x.model")
