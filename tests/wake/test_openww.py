"""The adapter of openwakeword, over a stand-in of that library: it does not install on every Linux."""

import importlib.machinery
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.auto import open_engine
from moshi_speaker.wake.detector import CHUNK_SAMPLES, Detector
from moshi_speaker.wake.policy import WakePolicy

ROOT = Path(__file__).parents[2]
ADAPTER = "moshi_speaker.wake.openww"
RUNTIME = "onnxruntime.capi.onnxruntime_pybind11_state"
LOAD_ERRORS = (
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoSuchFile",
    "NotImplemented",
    "RuntimeException",
)


class FakeModel:
    """Scores like the library: under the file's name, noise for 16 chunks after a start or a reset."""

    shape: tuple[int, ...] = (1, 16, 96)
    broken: type[Exception] | None = None
    broken_file = "*"
    """Which files do not load."""

    def __init__(self, wakeword_models: list[str], inference_framework: str) -> None:
        assert inference_framework == "onnx"
        paths = [Path(path) for path in wakeword_models]
        for path in paths:
            if self.broken is not None and path.match(self.broken_file):
                raise self.broken("Load model failed")
        session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(shape=list(self.shape))])
        self.models = {path.stem: session for path in paths}
        self.model_outputs = {path.stem: 1 for path in paths}
        self._chunks = 0

    def predict(self, chunk: NDArray[np.int16]) -> dict[str, np.float32]:
        assert chunk.dtype == np.int16
        self._chunks += 1
        noise = self._chunks <= 16
        score = np.float32(0.99 if noise else np.abs(chunk).max() / 32767)
        return {stem: score / np.float32(2**number) for number, stem in enumerate(self.models)}

    def reset(self) -> None:
        self._chunks = 0


class FakeLibrary:
    """The modules of openwakeword and onnxruntime that the adapter uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[list[str]] = []
        self.offline = False
        self.model: type[FakeModel] = type("Model", (FakeModel,), {})
        self.runtime = ModuleType(RUNTIME)
        for name in LOAD_ERRORS:
            setattr(self.runtime, name, type(name, (Exception,), {}))

    def modules(self) -> dict[str, ModuleType]:
        """What to put into sys.modules."""
        package, utils = ModuleType("openwakeword"), ModuleType("openwakeword.utils")
        package.__spec__ = importlib.machinery.ModuleSpec("openwakeword", None)
        names = ("alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy", "timer", "weather")
        vars(package).update(
            Model=self.model,
            MODELS={name: {"model_path": str(self.folder / f"{name}_v0.1.tflite")} for name in names},
            FEATURE_MODELS={
                "embedding": {"model_path": str(self.folder / "embedding_model.tflite")},
                "melspectrogram": {"model_path": str(self.folder / "melspectrogram.tflite")},
            },
            utils=utils,
        )
        vars(utils).update(download_models=self.download)
        capi = ModuleType("onnxruntime.capi")
        vars(capi).update(onnxruntime_pybind11_state=self.runtime)
        runtime = ModuleType("onnxruntime")
        vars(runtime).update(capi=capi)
        return {
            "openwakeword": package,
            "openwakeword.utils": utils,
            "onnxruntime": runtime,
            "onnxruntime.capi": capi,
            RUNTIME: self.runtime,
        }

    def download(self, model_names: list[str]) -> None:
        """Fetch as the library does: a file whose .tflite twin is there is skipped."""
        self.fetched.append(model_names)
        self.folder.mkdir(exist_ok=True)
        for name in ("embedding_model", "melspectrogram", *model_names):
            twin = self.folder / f"{name}.tflite"
            if twin.exists():
                continue
            twin.write_bytes(b"tflite")
            twin.with_suffix(".onnx").write_bytes(b"")
            if self.offline:
                raise ConnectionError("no route to host\nsecond line")
            twin.with_suffix(".onnx").write_bytes(b"onnx")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLibrary]:
    """The stand-in in place of the real library, with nothing fetched yet."""
    fake = FakeLibrary(tmp_path / "models")
    for name, module in fake.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    sys.modules.pop(ADAPTER, None)
    yield fake
    sys.modules.pop(ADAPTER, None)


def settings(*models: str | Path) -> WakeSettings:
    """The default policy over openwakeword."""
    words = [str(model) for model in models] or ["hey_jarvis"]
    return WakeSettings.model_validate({"engine": "openwakeword", "words": tuple(words)})


def custom(folder: Path) -> Path:
    """A model file of one's own."""
    path = folder / "computer.onnx"
    path.write_bytes(b"onnx")
    return path


def test_a_published_model_is_fetched_once_and_scores_under_its_own_name(library: FakeLibrary) -> None:
    for _ in range(2):
        engine = open_engine(settings())
        assert engine.words == ("hey_jarvis",)
        assert engine.scores(np.zeros(CHUNK_SAMPLES, np.int16)) == pytest.approx([0.99])
        engine.close()
    assert library.fetched == [["melspectrogram", "embedding_model", "hey_jarvis_v0.1"]]


def test_a_model_whose_download_broke_off_is_fetched_again(library: FakeLibrary) -> None:
    library.folder.mkdir()
    (library.folder / "embedding_model.tflite").write_bytes(b"tflite")
    open_engine(settings())
    assert (library.folder / "embedding_model.onnx").read_bytes() == b"onnx"


def test_without_network_one_line_says_so_and_no_half_file_stays(library: FakeLibrary) -> None:
    library.offline = True
    with pytest.raises(MissingPartError, match="cannot fetch this wake word model") as caught:
        open_engine(settings())
    assert "\n" not in str(caught.value)
    assert list(library.folder.glob("*.onnx")) == []


def test_a_model_file_is_named_after_the_file(library: FakeLibrary, tmp_path: Path) -> None:
    assert open_engine(settings(custom(tmp_path))).words == ("computer",)
    assert library.fetched == [["melspectrogram", "embedding_model"]]


@pytest.mark.parametrize("error", LOAD_ERRORS)
def test_a_broken_file_is_one_line(error: str, library: FakeLibrary, tmp_path: Path) -> None:
    library.model.broken = getattr(library.runtime, error)
    path = custom(tmp_path)
    with pytest.raises(MissingPartError, match="broken, or no ONNX wake word model; give an") as caught:
        open_engine(settings(path))
    assert str(path) in str(caught.value)
    with pytest.raises(MissingPartError, match=f"delete {library.folder} to have"):
        open_engine(settings())


@pytest.mark.parametrize("shape", [(1, 4), (1, 16, 32)])
def test_a_model_of_something_else_is_refused(
    shape: tuple[int, ...], library: FakeLibrary, tmp_path: Path
) -> None:
    library.model.shape = shape
    with pytest.raises(MissingPartError, match="no model of one wake word"):
        open_engine(settings(custom(tmp_path)))


def test_names_that_the_library_does_not_have_are_refused(library: FakeLibrary) -> None:
    for name in ("okay_nabu", "timer"):
        with pytest.raises(ConfigError, match="it has alexa, hey_jarvis, hey_mycroft, hey_rhasspy"):
            open_engine(settings(name))
    assert library.fetched == []


def test_the_noise_of_the_library_wakes_nothing(library: FakeLibrary) -> None:
    detector = Detector(open_engine(settings()), WakePolicy.from_settings(WakeSettings()))
    silence, loud = np.zeros(CHUNK_SAMPLES, np.int16), np.full(CHUNK_SAMPLES, 30_000, np.int16)
    for _ in range(2):
        assert [detector.hear(silence, 0.0) for _ in range(30)] == [None] * 30
        detector.reset()
    assert [detector.hear(loud, 0.0) for _ in range(16)] == [None] * 16
    assert [detector.hear(loud, 0.0) is None for _ in range(2)] == [True, False]


def test_several_words_share_one_model_of_the_library(library: FakeLibrary, tmp_path: Path) -> None:
    engine = open_engine(settings("alexa", custom(tmp_path), "hey_jarvis"))
    assert engine.words == ("alexa", "computer", "hey_jarvis")
    assert engine.scores(np.zeros(CHUNK_SAMPLES, np.int16)) == pytest.approx([0.99, 0.495, 0.2475])
    assert library.fetched == [["melspectrogram", "embedding_model", "alexa_v0.1", "hey_jarvis_v0.1"]]


def test_of_several_files_the_broken_one_is_named(library: FakeLibrary, tmp_path: Path) -> None:
    library.model.broken, library.model.broken_file = library.runtime.InvalidProtobuf, "computer.onnx"
    with pytest.raises(MissingPartError, match="broken, or no ONNX wake word model") as caught:
        open_engine(settings("alexa", "hey_jarvis", custom(tmp_path)))
    assert str(tmp_path / "computer.onnx") in str(caught.value)


def test_a_file_that_the_library_would_take_for_another_is_refused(
    library: FakeLibrary, tmp_path: Path
) -> None:
    path = tmp_path / "alexa_v0.1.onnx"
    path.write_bytes(b"onnx")
    with pytest.raises(ConfigError, match="another wake word's model has this name; rename the file"):
        open_engine(settings("alexa", path))


def test_telemetry_is_off_before_the_library_is_imported(tmp_path: Path) -> None:
    package = tmp_path / "openwakeword"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import os, sys\n"
        "print(os.environ.get('ORT_DISABLE_TELEMETRY'), 'onnxruntime' in sys.modules)\n"
        "raise SystemExit\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import {ADAPTER}"],
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "daemon")])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "1 False\n", done.stderr
