import ctypes
import platform
from collections.abc import Iterator

import pytest

from moshi_speaker.audio import defaults
from moshi_speaker.audio.defaults import Defaults, system_defaults

ANSWERS: dict[tuple[int, bytes], tuple[int | float, type]] = {
    (1, b"dIn "): (51, ctypes.c_uint32),
    (1, b"dOut"): (44, ctypes.c_uint32),
    (51, b"nsrt"): (48_000.0, ctypes.c_double),
}


class FakeCoreAudio:
    """Answers as Core Audio would; an unknown question is an error."""

    def AudioObjectGetPropertyData(
        self, subject: ctypes.c_uint32, address: object, qualifier: object, _: None, size: object, out: object
    ) -> int:
        asked = address._obj  # type: ignore[attr-defined]
        assert asked.scope.to_bytes(4, "big") == b"glob"
        assert asked.element == 0
        answer = ANSWERS.get((subject.value, asked.selector.to_bytes(4, "big")))
        if answer is None:
            return 560_947_818  # '!obj'
        assert size._obj.value == ctypes.sizeof(answer[1])  # type: ignore[attr-defined]
        assert isinstance(out._obj, answer[1])  # type: ignore[attr-defined]
        out._obj.value = answer[0]  # type: ignore[attr-defined]
        return 0


@pytest.fixture
def asked_once() -> Iterator[None]:
    defaults._core_audio.cache_clear()
    yield
    defaults._core_audio.cache_clear()


def test_core_audio_is_asked_for_both_defaults_and_their_rates(
    monkeypatch: pytest.MonkeyPatch, asked_once: None
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda path: FakeCoreAudio())
    assert system_defaults() == Defaults(51, 48_000.0, 44, None)


def test_where_there_is_no_core_audio_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, asked_once: None
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert system_defaults() is None
    defaults._core_audio.cache_clear()
    monkeypatch.setattr(platform, "system", lambda: "Darwin")

    def missing(path: str) -> None:
        raise OSError("image not found")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert system_defaults() is None
