"""The Hugging Face hub and its cache; the one user of ``huggingface_hub``."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.progress import progress_of

Status = Callable[[str], None]
"""Told, in a few words, what is going on."""

_WANTED = ["*.safetensors", "*.model", "*.json"]
_CACHE_ERRORS = {errno.EACCES, errno.EEXIST, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS}
"""No second try mends these."""


def cached(repo: str, revision: str | None) -> Path | None:
    """The folder of a repo in the cache, without the network; None when it is not there as a whole."""
    hub = _library()
    try:
        return Path(
            hub.snapshot_download(repo, revision=revision, allow_patterns=_WANTED, local_files_only=True)
        )
    except hub.errors.LocalEntryNotFoundError:
        return None
    except hub.errors.HFValidationError as error:
        raise not_an_id(repo) from error


def download(repo: str, revision: str | None, status: Status) -> Path:
    """Fetch what the cache lacks of a repo; its folder in the cache. Raises CheckpointError.

    An interrupted download is taken up where it ended.
    """
    hub = _library()
    at = f"{repo}@{revision}" if revision else repo
    # The base of HfHubHTTPError is that of all errors of the HTTP library, whichever that is. hf_xet raises
    # RuntimeError, and an answer that is not the hub's (the login page of a hotel) ends in ValueError.
    failures = (*hub.errors.HfHubHTTPError.__bases__, OSError, RuntimeError, ValueError)
    try:
        with progress_of(at, status) as bar:
            _require_hub(hub, repo, revision, at)
            folder = hub.snapshot_download(repo, revision=revision, allow_patterns=_WANTED, tqdm_class=bar)
    except hub.errors.HFValidationError as error:
        raise not_an_id(repo) from error
    except failures as error:
        raise _failure(error, at, hub.errors) from error
    return Path(folder)


def _require_hub(hub: ModuleType, repo: str, revision: str | None, at: str) -> None:
    """Ask the hub for the repo: to the download, a hub that is out of reach and an old cache are enough."""
    try:
        hub.HfApi().repo_info(repo, revision=revision or "main")
    except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError, ValueError):
        raise
    except (*hub.errors.HfHubHTTPError.__bases__, OSError) as error:
        if _is_of_cache(error):  # a token is looked for there
            raise
        raise CheckpointError(
            "the hub cannot be reached",
            where=at,
            remedy="check the network, or name a local folder as model.source",
        ) from error


def cached_repos(file_names: tuple[str, ...]) -> list[tuple[str, int]]:
    """Repo ids in the cache that have a file of such a name, and their sizes in bytes."""
    hub = _library()
    try:
        repos = hub.scan_cache_dir().repos
    except hub.CacheNotFound:
        return []
    return sorted(
        (repo.repo_id, repo.size_on_disk)
        for repo in repos
        if any(file.file_name in file_names for revision in repo.revisions for file in revision.files)
    )


def _failure(error: BaseException, at: str, kinds: ModuleType) -> CheckpointError:
    """The line for the user; the order matters, since some of these are also others."""
    known = (
        (kinds.GatedRepoError, "this repo is gated", "accept its terms on the hub, and set HF_TOKEN"),
        (
            kinds.RepositoryNotFoundError,
            "there is no such repo on the hub",
            "check the name; a private one needs HF_TOKEN",
        ),
        (kinds.RevisionNotFoundError, "there is no such revision of this repo", "check the revision"),
        (
            kinds.LocalEntryNotFoundError,
            "the hub cannot be reached",
            "check the network, or name a local folder as model.source",
        ),
    )
    for kind, what, remedy in known:
        if isinstance(error, kind):
            return CheckpointError(what, where=at, remedy=remedy)
    if _is_of_cache(error):
        return CheckpointError(
            f"the cache cannot be used: {error}",
            where=at,
            remedy="set HF_HOME to a folder that this user may write, on a disk with room",
        )
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return CheckpointError(
        f"the download broke off: {first_line}",
        where=at,
        remedy="start it again, and it goes on where it ended",
    )


def _is_of_cache(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _CACHE_ERRORS


def not_an_id(repo: str) -> CheckpointError:
    """The error for what is no repo id."""
    return CheckpointError("this is no repo id", where=repo, remedy="one looks like kyutai/moshiko-mlx-q8")


def _library() -> ModuleType:
    """Import it without telemetry and without words of its own on the screen."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub.errors
    from huggingface_hub.utils import logging as its_logging

    its_logging.set_verbosity(logging.CRITICAL)
    return huggingface_hub
