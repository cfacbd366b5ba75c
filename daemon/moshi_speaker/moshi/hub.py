"""Where the files of a model are: in a local folder, or in the Hugging Face cache, fetched if need be."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moshi_speaker.errors import CheckpointError, UnsupportedModelError
from moshi_speaker.moshi.config import MOSHI_7B, ModelConfig, model_config
from moshi_speaker.moshi.download import Status, cached, cached_repos, download, not_an_id
from moshi_speaker.moshi.mimi.config import MimiConfig

LM_NAMES = ("model.safetensors", "model.q8.safetensors", "model.q4.safetensors")
"""Of the published language models (moshi-spec §2.7)."""
MIMI_PATTERNS = ("tokenizer-*.safetensors", "mimi*.safetensors")
"""Of the published codecs (moshi-spec §1.5)."""
TOKENIZER_PATTERN = "tokenizer*.model"
PUBLISHED = tuple(
    f"kyutai/{voice}-mlx-{kind}" for voice in ("moshiko", "moshika") for kind in ("q4", "q8", "bf16")
)
"""Repos that are known to fit."""
_REPO_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's files, and what shape they should have."""

    name: str
    """What the user calls it: repo id or folder."""
    config: ModelConfig
    lm: Path
    mimi: Path
    mimi_config: MimiConfig
    tokenizer: Path


def find(source: str, revision: str | None = None, *, offline: bool = False, status: Status) -> ModelFiles:
    """The files of a local folder or a repo id; what the cache lacks is downloaded unless ``offline``.

    Raises CheckpointError when something is not there and cannot be had.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return files_in(folder, source)
    if not _REPO_ID.match(source):
        raise CheckpointError(
            "no such folder", where=source, remedy=f"name a folder or a repo id such as {PUBLISHED[1]}"
        )
    snapshot = cached(source, revision)
    if snapshot is not None and _is_whole(snapshot):
        return files_in(snapshot, source)
    if offline and snapshot is not None:
        raise CheckpointError(
            "the download of this model is incomplete, and the network is not to be used",
            where=source,
            remedy=f"complete it with a network: moshi-speaker models pull {source}",
        )
    if offline:
        raise CheckpointError(
            "this model is not in the cache, and the network is not to be used",
            where=source,
            remedy=f"run once with a network: moshi-speaker models pull {source}",
        )
    return pull(source, revision, status=status)


def pull(source: str, revision: str | None = None, *, status: Status) -> ModelFiles:
    """Download a repo into the cache, or complete and refresh it. Raises CheckpointError."""
    if not _REPO_ID.match(source):
        raise not_an_id(source)
    return files_in(download(source, revision, status), source)


def files_in(folder: Path, name: str) -> ModelFiles:
    """The files of a folder in the layout of the published repos. Raises CheckpointError."""
    config_path = folder / "config.json"
    config = ModelConfig(MOSHI_7B)
    if config_path.is_file():
        config = model_config(_read_json(config_path), str(config_path))
    lm = _one_of(folder, config.moshi_name, LM_NAMES, "language model")
    mimi = _one_of(folder, config.mimi_name, MIMI_PATTERNS, "Mimi codec")
    tokenizer = _one_of(folder, config.tokenizer_name, (TOKENIZER_PATTERN,), "tokenizer")
    return ModelFiles(name, config, lm, mimi, _mimi_config(folder, config.mimi_config_name), tokenizer)


def cached_models() -> list[tuple[str, int]]:
    """Repo ids of Moshi-like models in the cache and their sizes in bytes."""
    return cached_repos(LM_NAMES)


def _is_whole(folder: Path) -> bool:
    """A download that broke off may have left a folder that lacks files."""
    try:
        files_in(folder, folder.name)
    except UnsupportedModelError:
        return True
    except CheckpointError:
        return False
    return True


def _mimi_config(folder: Path, file_name: str | None) -> MimiConfig:
    if file_name is None:
        return MimiConfig()
    path = folder / file_name
    try:
        return MimiConfig.from_dict(_read_json(path))
    except UnsupportedModelError as error:
        raise UnsupportedModelError(error.what, where=str(path)) from error
    except CheckpointError as error:
        raise CheckpointError(error.what, where=str(path)) from error


def _one_of(folder: Path, file_name: str | None, patterns: tuple[str, ...], what: str) -> Path:
    """The file that the configuration names, or else the first one of the usual names."""
    if file_name is not None:
        candidates = [folder / file_name]
    else:
        candidates = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    for path in candidates:
        if path.is_file():
            return path
    raise CheckpointError(
        f"there is no {what} here (looked for {file_name or ', '.join(patterns)})",
        where=str(folder),
        remedy="give a folder laid out like the published repos",
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"this is no JSON file: {error}", where=str(path)) from error
    if not isinstance(values, dict):
        raise CheckpointError("this is no JSON object", where=str(path))
    return values
