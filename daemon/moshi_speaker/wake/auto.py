"""Which wake engine: by the settings, the model's suffix, the platform, and what is installed."""

import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.detector import WakeEngine

_SUFFIXES = {"pyopen_wakeword": ".tflite", "openwakeword": ".onnx"}
"""Engine: the model files it reads."""
_PACKAGES = {"pyopen_wakeword": "pyopen-wakeword", "openwakeword": "openwakeword"}
"""Engine: what to install."""
_WHERE = "wake.model"

Installed = Callable[[str], bool]
"""Whether a Python package of this name can be imported."""


def open_engine(settings: WakeSettings) -> WakeEngine:
    """Load the wake word model that the settings name.

    Raises ConfigError for an unknown name or suffix, MissingPartError for a missing library or file.
    """
    path = _custom(settings.model)
    engine = choose_engine(settings, sys.platform, _is_installed)
    if path is not None and not path.is_file():
        raise MissingPartError(
            "no such file", where=f"{_WHERE}: {path}", remedy="correct the path, or use hey_jarvis"
        )
    try:
        bundled, load = _load_pyopen() if engine == "pyopen_wakeword" else _load_openww()
    except (ImportError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise MissingPartError(
            f"{engine} does not load: {reason}", where="wake.engine", remedy=_install(engine)
        ) from error
    if path is None:
        _require_known(settings.model, bundled, engine)
    return load(settings.model if path is None else path)


def choose_engine(settings: WakeSettings, platform: str, installed: Installed) -> str:
    """The engine's name, for a platform as in ``sys.platform``. Raises as ``open_engine`` does."""
    path = _custom(settings.model)
    candidates = [settings.engine]
    if settings.engine == "auto":
        candidates = ["pyopen_wakeword", "openwakeword"]
        if platform == "darwin":
            candidates.reverse()
    if path is not None:
        readers = [name for name in candidates if _SUFFIXES[name] == path.suffix]
        if not readers:
            raise ConfigError(
                f"{settings.engine} reads no {path.suffix or 'such'} files",
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


def _custom(model: str) -> Path | None:
    """The file that a model setting means, or None when it is the name of a bundled model."""
    path = Path(model).expanduser()
    return path if "/" in model or path.suffix in _SUFFIXES.values() else None


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


def _load_pyopen() -> tuple[tuple[str, ...], Callable[[str | Path], WakeEngine]]:
    from moshi_speaker.wake.pyopen import BUNDLED, PyOpenEngine

    return BUNDLED, PyOpenEngine


def _load_openww() -> tuple[tuple[str, ...], Callable[[str | Path], WakeEngine]]:
    from moshi_speaker.wake.openww import BUNDLED, OpenWakeWordEngine

    return BUNDLED, OpenWakeWordEngine
