import json
import shutil
from pathlib import Path

import pytest

from moshi_speaker.errors import CheckpointError, UnsupportedModelError
from moshi_speaker.moshi import hub
from moshi_speaker.moshi.config import MOSHI_7B
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.synthetic import MIMI_NAME, SMALL_LM, SMALL_MIMI, TOKENIZER_NAME


def find(source: Path | str) -> hub.ModelFiles:
    return hub.find(str(source), offline=True, status=lambda text: None)


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_the_files_of_a_folder_are_found_with_their_shapes(tiny_model: Path) -> None:
    files = find(tiny_model)
    assert (files.config.lm, files.mimi_config) == (SMALL_LM, SMALL_MIMI)
    assert {files.lm.name, files.mimi.name, files.tokenizer.name} == {
        "model.q8.safetensors",
        MIMI_NAME,
        TOKENIZER_NAME,
    }


@pytest.mark.parametrize("lm_name", hub.LM_NAMES)
@pytest.mark.parametrize("mimi_name", [MIMI_NAME, "mimi-pytorch-e351c8d8@125.safetensors"])
def test_a_folder_without_config_is_taken_for_moshi_7b(lm_name: str, mimi_name: str, tmp_path: Path) -> None:
    for name in (lm_name, mimi_name, TOKENIZER_NAME):
        (tmp_path / name).touch()
    files = find(tmp_path)
    assert (files.config.lm, files.mimi_config) == (MOSHI_7B, MimiConfig())
    assert (files.lm.name, files.mimi.name) == (lm_name, mimi_name)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("model.q8.safetensors", "language model"),
        (MIMI_NAME, "Mimi codec"),
        (TOKENIZER_NAME, "tokenizer"),
    ],
)
def test_a_folder_that_lacks_a_file_says_which(name: str, what: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError) as caught:
        find(folder)
    assert str(caught.value) == (
        f"{folder}: there is no {what} here (looked for {name}); "
        "give a folder laid out like the published repos"
    )


def test_a_folder_without_weights_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"no language model here \(looked for model.safetensors, model.q8"
    ):
        find(tmp_path)


@pytest.mark.parametrize("source", ["/no/such/folder", "./nothing", "~/nothing", "nothing", "a/b/c"])
def test_a_folder_that_is_not_there_is_told(source: str) -> None:
    with pytest.raises(CheckpointError, match="no such folder; name a folder or a repo id such as kyutai/"):
        find(source)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"dim: 4096", "this is no JSON file"),
        (b"\xff\xfe", "this is no JSON file"),
        (b"[1, 2]", "this is no JSON object"),
        (b"{}", "the key 'dim' is missing"),
    ],
)
def test_a_configuration_that_is_none_is_told(content: bytes, message: str, folder: Path) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        find(folder)
    assert str(caught.value).startswith(f"{folder / 'config.json'}: ")
    assert "\n" not in str(caught.value)


def test_a_model_with_a_feature_that_is_not_there_yet_is_refused(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"conditioners": {"description": {}}}))
    with pytest.raises(UnsupportedModelError, match="needs conditioners, which is not supported yet"):
        find(folder)


def test_the_published_repos_are_known() -> None:
    assert len(hub.PUBLISHED) == 6
    assert "kyutai/moshika-mlx-bf16" in hub.PUBLISHED
