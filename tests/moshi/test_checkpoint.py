import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.checkpoint import verify
from moshi_speaker.moshi.dialogue import load_files
from moshi_speaker.moshi.hub import ModelFiles, files_in
from moshi_speaker.moshi.lm.sampling import GREEDY
from moshi_speaker.moshi.synthetic import MIMI_NAME, TOKENIZER_NAME
from moshi_speaker.moshi.vocabulary import train_tokenizer

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def configure(folder: Path, name: str, **changes: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def load(files: ModelFiles) -> object:
    return load_files(files, GREEDY)


both = pytest.mark.parametrize("check", [verify, load])
"""What verify finds fault with does not load either, and for the same reason."""

Check = Callable[[ModelFiles], object]


def test_a_model_that_fits_is_described_in_one_line(tiny_model: Path) -> None:
    assert verify(files_in(tiny_model, "tiny")) == "tiny: 393 + 126 tensors, q8, fits"


@both
def test_a_codec_of_another_size_is_refused(check: Check, folder: Path) -> None:
    values = json.loads((folder / "mimi.json").read_text())
    configure(folder, "mimi.json", quantizer=values["quantizer"] | {"bins": 64})
    with pytest.raises(
        CheckpointError,
        match=r"^tiny: the language model needs 8 codebooks of 128 codes, the codec has 8 of 64$",
    ):
        check(files_in(folder, "tiny"))


@both
def test_a_codec_of_too_few_codebooks_is_refused(check: Check, folder: Path) -> None:
    values = json.loads((folder / "mimi.json").read_text())
    configure(folder, "mimi.json", quantizer=values["quantizer"] | {"n_q": 4})
    with pytest.raises(CheckpointError, match=r"needs 8 codebooks of 128 codes, the codec has 4 of 128$"):
        check(files_in(folder, "tiny"))


@both
def test_a_tokenizer_of_too_many_pieces_is_refused(check: Check, folder: Path) -> None:
    train_tokenizer(folder / TOKENIZER_NAME, text_card=440)
    configure(folder, "config.json", text_card=400)
    with pytest.raises(CheckpointError, match=r"the tokenizer has \d+ pieces, the language model 400$"):
        check(files_in(folder, "tiny"))


@both
def test_a_model_that_only_listens_is_refused(check: Check, folder: Path) -> None:
    shutil.copy(GOLDEN / "stt.torch.safetensors", folder)
    shutil.copy(GOLDEN / "stt.json", folder / "config.json")
    configure(
        folder, "config.json", moshi_name="stt.torch.safetensors", mimi_name=MIMI_NAME, tokenizer_name=None
    )
    with pytest.raises(
        CheckpointError, match=r"^stt: this model only listens; the speaker needs one that speaks$"
    ):
        check(files_in(folder, "stt"))


@both
@pytest.mark.parametrize("name", ["model.q8.safetensors", MIMI_NAME])
def test_a_file_that_is_cut_off_is_refused(check: Check, name: str, folder: Path) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1000])
    with pytest.raises(CheckpointError, match=f"{name}: the file is cut off, 1000 bytes are missing"):
        check(files_in(folder, "tiny"))


@both
def test_the_codec_in_place_of_the_language_model_is_refused(check: Check, folder: Path) -> None:
    shutil.copy(folder / MIMI_NAME, folder / "model.q8.safetensors")
    with pytest.raises(CheckpointError, match=r"tensor text_emb.weight \(441, 128\) is missing"):
        check(files_in(folder, "tiny"))


@both
def test_the_language_model_in_place_of_the_codec_is_refused(check: Check, folder: Path) -> None:
    shutil.copy(folder / "model.q8.safetensors", folder / MIMI_NAME)
    with pytest.raises(
        CheckpointError, match=r"tensor encoder.model.0.conv.conv.weight \(8, 1, 7\) is missing"
    ):
        check(files_in(folder, "tiny"))
