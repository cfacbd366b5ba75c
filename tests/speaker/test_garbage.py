import gc
import weakref
from collections.abc import Iterator

import pytest

from moshi_speaker.speaker.garbage import exempt_what_is_there


class Node:
    """Something that knows itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def all_is_looked_at_again_afterwards() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_there_is_not_looked_at_again_and_what_comes_later_is_freed() -> None:
    garbage = weakref.ref(Node())
    exempt_what_is_there()
    assert garbage() is None, "nothing is kept for ever that was garbage before"
    assert gc.get_freeze_count() > 10_000
    later = weakref.ref(Node())
    assert len(gc.get_objects()) < 1_000, "all that a collection has to look at"
    gc.collect()
    assert later() is None
