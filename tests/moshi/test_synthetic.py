from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.cli import main
from moshi_speaker.moshi.checkpoint import verify
from moshi_speaker.moshi.dialogue import load_files
from moshi_speaker.moshi.hub import files_in
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization
from moshi_speaker.moshi.lm.sampling import Sampling
from moshi_speaker.moshi.synthetic import RECIPES, SMALL_LM, Recipe, write_checkpoint
from tests.moshi.lm.small import KINDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """It is made when a checkpoint is written."""
    return tmp_path / "new" / "model"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("shaped", [True, False])
@pytest.mark.parametrize(("quantization", "precision"), [(None, "bf16"), (Q8, "q8"), (Q4, "q4")])
def test_every_precision_fits_loads_and_steps(
    quantization: Quantization | None, precision: str, shaped: bool, folder: Path
) -> None:
    write_checkpoint(folder, Recipe(quantization=quantization, shaped=shaped))
    files = files_in(folder, "made")
    assert verify(files).endswith(f" + 126 tensors, {precision}, fits")
    check_that_it_steps(folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("torch_names", [False, True])
def test_every_kind_of_language_model_fits_loads_and_steps(
    kind: str, torch_names: bool, folder: Path
) -> None:
    lm = replace(KINDS[kind], text_card=440, card=SMALL_LM.card)
    write_checkpoint(folder, Recipe(lm=lm, torch_names=torch_names, shaped=False))
    check_that_it_steps(folder)


def check_that_it_steps(folder: Path) -> None:
    model = load_files(files_in(folder, "made"), Sampling(seed=0))
    sound = np.random.default_rng(0).normal(0, 0.1, (4, 1_920)).astype(np.float32)
    frames = [model.step(pcm) for pcm in sound]
    voice = [frame.audio for frame in frames if frame.audio is not None]
    assert len(voice) >= 3
    assert np.isfinite(voice).all()


def test_the_same_seed_writes_the_same_files_and_another_seed_does_not(tmp_path: Path) -> None:
    recipe = RECIPES["tiny"]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_checkpoint(tmp_path / name, replace(recipe, seed=seed))
    a, b, c = (content(tmp_path / name) for name in "abc")
    assert a == b
    assert [name for name in a if a[name] != c[name]] != []


def test_shaped_weights_have_mlx_names(folder: Path) -> None:
    with pytest.raises(ValueError, match="a shaped checkpoint has MLX names"):
        write_checkpoint(folder, Recipe(torch_names=True))


def test_the_command_line_writes_one_and_finds_it_sound(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "synth", str(folder), "--seed", "5"]) == 0
    assert main(["models", "verify", str(folder)]) == 0
    assert capsys.readouterr().out == (
        f"random weights (tiny) are in {folder}\n{folder}: 393 + 126 tensors, q8, fits\n"
    )


def test_the_command_line_says_what_is_wrong_with_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(folder)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    assert main(["models", "verify", str(folder)]) == 69
    assert capsys.readouterr().err == (
        f"moshi-speaker: {path}: the file is cut off, 3 bytes are missing; "
        "fetch it again: moshi-speaker models pull\n"
    )
