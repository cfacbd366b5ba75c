import sqlite3
import string
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from moshi_speaker.events import Side
from moshi_speaker.history import file, query, reading
from tests.history.conftest import MakeKeeper
from tests.history.record import NOW, said, started

TEXTS = (
    "Grüße aus Köln!",
    "I like ice cream.",
    "The cream is on the ice.",
    "Chocolate, chocolates and choc chips",
    "It's half past two (or so).",
    "user said this",
)


@pytest.fixture
def connection(keep: MakeKeeper, tmp_path: Path) -> sqlite3.Connection:
    keeper = keep()
    keeper.keep(started("s", "c1"))
    for n, text in enumerate(TEXTS):
        side = Side.USER if n % 2 else Side.ASSISTANT
        keeper.keep(said(f"e{n}", "c1", text, turns=n, side=side, at=NOW + n))
    return file.open_to_read(tmp_path / file.NAME)


def found(
    connection: sqlite3.Connection, *words: str, side: Side | None = None, limit: int = 100
) -> list[int]:
    """Which of the texts, the newest first."""
    expression = query.expression(words, side)
    assert expression is not None
    return [TEXTS.index(hit.utterance.text) for hit in reading.search(connection, expression, limit)]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["ice", "cream"], [2, 1]),
        (["ice cream"], [1]),
        (['"ice cream"'], [1]),
        (['like "ice cream"'], [1]),
        (["grusse"], []),
        (["gruße"], [0]),
        (["KOLN"], [0]),
        (["choc*"], [3]),
        (["choc"], [3]),
        (["chocol*", "chip*"], [3]),
        (["past tw*"], [4]),
        (["it's"], [4]),
        (["user"], [5]),
        (["assistant"], []),
        (["pizza"], []),
        (["ice", "-"], [2, 1]),
    ],
)
def test_words_phrases_and_beginnings(
    connection: sqlite3.Connection, words: list[str], texts: list[int]
) -> None:
    with closing(connection):
        assert found(connection, *words) == texts


def test_a_side_can_be_chosen(connection: sqlite3.Connection) -> None:
    with closing(connection):
        assert found(connection, "ice", side=Side.USER) == [1]
        assert found(connection, "ice", side=Side.ASSISTANT) == [2]
        assert found(connection, "ice", limit=1) == [2]


@pytest.mark.parametrize("words", [[], [""], ["*"], ['""'], ["---"], ['"'], ["\0"], ["?!", "..."]])
def test_nothing_to_search_for(words: list[str]) -> None:
    assert query.expression(words) is None


@pytest.mark.parametrize(
    "words",
    [
        'ice"',
        "NEAR(ice cream)",
        "ice AND",
        "OR",
        "NOT",
        "text:ice",
        "ice^",
        "(ice",
        "a\0b",
        "{text}: x",
        '"a" "',
        "+",
        "'; DROP TABLE utterances; --",
        "ice*cream",
        "**a**",
        "\ud800x",
        "\N{SNOWMAN}a",
        "ª",
    ],
)
def test_nothing_that_anybody_types_is_an_error(connection: sqlite3.Connection, words: str) -> None:
    with closing(connection):
        expression = query.expression([words])
        if expression is not None:
            reading.search(connection, expression, 10)


def test_nor_is_noise(connection: sqlite3.Connection) -> None:
    chance = Random(1)
    letters = string.printable + "äß\N{SNOWMAN}\0\"'*^(){}:-+"
    with closing(connection):
        for _ in range(2_000):
            words = ["".join(chance.choices(letters, k=chance.randint(0, 12))) for _ in range(3)]
            expression = query.expression(words, chance.choice([None, *Side]))
            if expression is not None:
                reading.search(connection, expression, 10)


def test_the_search_reads_the_index_and_sorts_nothing(connection: sqlite3.Connection) -> None:
    with closing(connection):
        expression = query.expression(["ice"])
        plan = connection.execute(f"EXPLAIN QUERY PLAN {reading.SEARCH}", (expression, 10)).fetchall()
    steps = [str(step[3]) for step in plan]
    assert any("words VIRTUAL TABLE INDEX" in step and "M" in step.split(":")[-1] for step in steps), steps
    assert any("utterances USING INTEGER PRIMARY KEY" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN utterances") for step in steps), steps
