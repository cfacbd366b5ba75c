"""Which wake engine: by the settings, the model's suffix, the platform, and what is installed."""

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.settings import WakeSettings, WakeWord
from moshi_speaker.wake.clip import LastWakeClip
from moshi_speaker.wake.detector import Detector, WakeEngine
from moshi_speaker.wake.policy import WakePolicy
from moshi_speaker.wake.several import SeveralEngines

_SUFFIXES = {"pyopen_wakeword": ".tflite", "openwakeword": ".onnx"}
"""Engine: the model files it reads."""
_PACKAGES = {"pyopen_wakeword": "pyopen-wakeword", "openwakeword": "openwakeword"}
"""Engine: what to install."""
_WHERE = "wake.words"

Installed = Callable[[str], bool]
"""Whether a Python package of this name can be imported."""
Loader = Callable[[Sequence[str | Path]], WakeEngine]
"""Makes an engine of bundled models, by name, and of files."""


def open_engine(settings: WakeSettings) -> WakeEngine:
    """Load the wake word models that the settings name; what words of one engine share is computed once.

    Raises ConfigError for an unknown name or suffix, MissingPartError for a missing library or file.
    """
    choices: dict[str, list[WakeWord]] = {}
    for word in settings.words:
        choices.setdefault(choose_engine(settings.engine, word, sys.platform, _is_installed), []).append(word)
    for word in settings.words:
        if word.path is not None and not word.path.is_file():
            raise MissingPartError(
                "no such file", where=f"{_WHERE}: {word.path}", remedy="correct the path, or use hey_jarvis"
            )
    engines = [_open(engine, words) for engine, words in choices.items()]
    return engines[0] if len(engines) == 1 else SeveralEngines(engines)


def open_detector(
    settings: WakeSettings, folder: Path, watched: Callable[[WakeEngine], WakeEngine] = lambda engine: engine
) -> Detector | None:
    """The wake words' detector, or None if nobody shall listen for them. Raises as ``open_engine`` does.

    ``folder`` is where a detection's sound is kept, if the settings say so; ``watched`` may put an engine of
    its own around the real one.
    """
    if not settings.enabled:
        return None
    clip = LastWakeClip(folder) if settings.keep_clip else None
    return Detector(watched(open_engine(settings)), WakePolicy.from_settings(settings), clip=clip)


def bundled_words(settings: WakeSettings) -> tuple[str, ...]:
    """Names of the words that need no file of the user's; none without a library that works."""
    try:
        engine = choose_engine(settings.engine, WakeWord(model="hey_jarvis"), sys.platform, _is_installed)
        return _load(engine)[0]
    except (MissingPartError, ImportError, OSError):
        return ()


def choose_engine(wanted: str, word: WakeWord, platform: str, installed: Installed) -> str:
    """The name of a word's engine, for a platform as in ``sys.platform``. Raises as ``open_engine`` does."""
    path = word.path
    candidates = [wanted]
    if wanted == "auto":
        candidates = ["pyopen_wakeword", "openwakeword"]
        if platform == "darwin":
            candidates.reverse()
    if path is not None:
        readers = [name for name in candidates if _SUFFIXES[name] == path.suffix]
        if not readers:
            raise ConfigError(
                f"{wanted} reads no {path.suffix or 'such'} files",
                where=f"{_WHERE}: {path}",
                remedy=f"give a {' or '.join(_SUFFIXES[name] for name in candidates)} file",
            )
        candidates = readers
    for name in candidates:
        if installed(name):
            return name
    what = f"{candidates[0]} is not installed"
    if path is not None:
        what = f"{candidates[0]}, which reads {path.suffix} files, is not installed"
    raise MissingPartError(what, where=_WHERE, remedy=_install(candidates[0]))


def _open(engine: str, words: Sequence[WakeWord]) -> WakeEngine:
    try:
        bundled, load = _load(engine)
    except (ImportError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise MissingPartError(
            f"{engine} does not load: {reason}", where="wake.engine", remedy=_install(engine)
        ) from error
    for word in words:
        if word.path is None:
            _require_known(word.name, bundled, engine)
    return load([word.path or word.name for word in words])


def _require_known(name: str, bundled: tuple[str, ...], engine: str) -> None:
    if name in bundled:
        return
    near = get_close_matches(name, bundled, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(
        f"no model {name!r} in {engine}",
        where=_WHERE,
        remedy=f"{hint}it has {', '.join(sorted(bundled))}; or give a path to a {_SUFFIXES[engine]} file",
    )


def _install(engine: str) -> str:
    return f"pip install {_PACKAGES[engine]}"


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def _load(engine: str) -> tuple[tuple[str, ...], Loader]:
    return _load_pyopen() if engine == "pyopen_wakeword" else _load_openww()


def _load_pyopen() -> tuple[tuple[str, ...], Loader]:
    from moshi_speaker.wake.pyopen import BUNDLED, PyOpenEngine

    return BUNDLED, PyOpenEngine


def _load_openww() -> tuple[tuple[str, ...], Loader]:
    from moshi_speaker.wake.openww import BUNDLED, OpenWakeWordEngine

    return BUNDLED, OpenWakeWordEngine
