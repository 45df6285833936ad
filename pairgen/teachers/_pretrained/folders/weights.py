"""Find the weight files of a network: whole or cut into parts, plain or of a variant.

    STEM.safetensors, STEM.fp16.safetensors                          whole
    STEM.safetensors.index.json, STEM.safetensors.index.fp16.json    the index of parts, ...
    STEM.fp16.safetensors.index.json, STEM.safetensors.fp16.index.json    ... by older libraries

An index names its parts, so they may have any names. As in diffusers, a network without files of
the asked variant is read from its plain ones. Unlike there, one that has files of one variant alone
is read from these. Either is told.
"""

import glob
import json
import logging
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pairgen.config import quoted
from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.files import (
    Snapshot,
    download,
    hash_files,
    names_beside,
    names_on_hub,
    read_json,
)
from pairgen.teachers._pretrained.folders.other_layouts import converted

PICKLED = (".bin", ".ckpt", ".pt", ".pth")
log = logging.getLogger("pairgen").warning


@dataclass(frozen=True)
class Weights:
    """The weight files of one network.

    Attributes:
        stem: Path inside the model without variant and extension.
        variant: Variant of the files, which need not be the asked one; empty for none.
        index: The index of the parts; None for one whole file.
        parts: The files with tensors.
    """

    stem: str
    variant: str
    index: Path | None
    parts: tuple[Path, ...]

    @property
    def files(self) -> list[Path]:
        """All files, the index first."""
        return [*([] if self.index is None else [self.index]), *self.parts]

    @property
    def folder(self) -> Path:
        """The folder of the network, with its config."""
        return self.parts[0].parent

    @property
    def plain_names(self) -> dict[str, Path]:
        """The files by the names that they have without a variant; parts keep theirs."""
        base = Path(self.stem).name
        if self.index is None:
            return {f"{base}.safetensors": self.parts[0]}
        parts = {part.name: part for part in self.parts}
        return {f"{base}.safetensors.index.json": self.index, **parts}

    @contextmanager
    def plain_folder(self) -> Iterator[Path]:
        """A folder where any library finds these files, and no others, under plain names."""
        others = [path for path in self.folder.glob("*.safetensors*") if path not in self.files]
        if self.index is None and not self.variant and not others:
            yield self.folder
            return
        with tempfile.TemporaryDirectory() as made:
            links = {path.name: path for path in self.folder.glob("*.json")}
            for name, path in {**links, **self.plain_names}.items():
                if ".index." not in name:
                    (Path(made) / name).symlink_to(path.resolve())
            if self.index is not None:
                # The libraries ask for metadata, which not every index has.
                known = {"metadata": {}, "weight_map": _weight_map(self.index)}
                index = f"{Path(self.stem).name}.safetensors.index.json"
                (Path(made) / index).write_text(json.dumps(known), encoding="utf-8")
            yield Path(made)


def fetch_weights(
    snapshot: Snapshot, stems: Sequence[str], variant: str, *, whole: bool = False
) -> dict[str, Weights]:
    """Return the weight files of every stem; fetch missing ones from the hub.

    Args:
        snapshot: A snapshot from `find_snapshot`.
        stems: Paths inside the folder without variant and extension, such as
            `unet/diffusion_pytorch_model`.
        variant: Variant of the files, such as `fp16`; empty for files without one.
        whole: Whether these are all networks of a model: one must then have the variant.

    Raises:
        TeacherLoadError: There are no such files, or an index is broken.
    """
    names = names_beside(snapshot)
    if snapshot.commit and not all(_is_here(snapshot, names, stem, variant) for stem in stems):
        # A commit never changes, so the hub is asked only for what is missing here.
        names = names_on_hub(snapshot) or names
    chosen = {stem: _choose(snapshot, names, stem, variant) for stem in stems}
    if whole and variant and all(found != variant for _, found in chosen.values()):
        raise TeacherLoadError(_nothing(snapshot, names, stems[0], variant))
    for stem, (_, found) in chosen.items():
        if found != variant:
            tell(_taken(snapshot.location, stem, variant, found))
    _fetch(snapshot, [name for name, _ in chosen.values()])
    parts = {
        stem: _parts(snapshot, names, name) if _is_index(name) else [name]
        for stem, (name, _) in chosen.items()
    }
    _fetch(snapshot, [part for each in parts.values() for part in each])
    folder = snapshot.folder
    return {
        stem: Weights(
            stem=stem,
            variant=found,
            index=folder / name if _is_index(name) else None,
            parts=tuple(folder / part for part in parts[stem]),
        )
        for stem, (name, found) in chosen.items()
    }


def has_weights(snapshot: Snapshot, stem: str) -> bool:
    """Whether there are weights of a stem here, of any variant."""
    return bool(_variants(names_beside(snapshot), stem))


def weights_identity(
    snapshot: Snapshot,
    stems: Sequence[str],
    variant: str,
    configs: Sequence[Path],
    *,
    whole: bool = False,
) -> dict[str, str]:
    """Return what distinguishes versions of a model: the commit, or a hash of a local folder.

    Args:
        snapshot: A snapshot from `find_snapshot`.
        stems: Stems of the weights that a sample depends on, see `fetch_weights`.
        variant: Variant of the weight files.
        configs: The other files that a sample depends on.
        whole: Whether the stems are all networks of a model.

    Raises:
        TeacherLoadError: A local folder has no such files.
    """
    if snapshot.commit:
        # The commit says which files there are, so the asked variant says which are taken.
        return {"hub_id": snapshot.location, "commit": snapshot.commit, "variant": variant}
    weights = fetch_weights(snapshot, stems, variant, whole=whole)
    files = [path for each in weights.values() for path in each.files]
    return {"weights_sha256": hash_files(snapshot.folder, [*files, *configs])}


def _variants(names: Collection[str], stem: str) -> dict[str, str]:
    """Return the variants of a stem's files, each with its whole file, or else its index."""
    base, variant = re.escape(stem), r"(?:\.(?P<variant>\w+))?"
    kinds = (
        rf"{base}{variant}\.safetensors",
        rf"{base}\.safetensors\.index{variant}\.json",
        rf"{base}{variant}\.safetensors\.index\.json",
        rf"{base}\.safetensors{variant}\.index\.json",
    )
    found: dict[str, str] = {}
    for kind in kinds:
        for name in sorted(names):
            if match := re.fullmatch(kind, name):
                found.setdefault(match["variant"] or "", name)
    return found


def _choose(snapshot: Snapshot, names: Collection[str], stem: str, variant: str) -> tuple[str, str]:
    """Return the whole file, or the index, of a stem and its variant.

    Raises:
        TeacherLoadError: There is none, or there are several and none was asked for.
    """
    found = _variants(names, stem)
    for wanted in (variant, ""):
        if wanted in found:
            return found[wanted], wanted
    if not variant and len(found) == 1:
        ((only, name),) = found.items()
        return name, only
    raise TeacherLoadError(_nothing(snapshot, names, stem, variant))


def _is_index(name: str) -> bool:
    return name.endswith(".json")


def _is_here(snapshot: Snapshot, names: Collection[str], stem: str, variant: str) -> bool:
    """Whether all files of exactly this variant are here."""
    name = _variants(names, stem).get(variant)
    if name is None or not _is_index(name):
        return name is not None
    parts = set(_weight_map(snapshot.folder / name).values())
    return all((snapshot.folder / name).with_name(part).is_file() for part in parts)


def _parts(snapshot: Snapshot, names: Collection[str], index: str) -> list[str]:
    """Return the names of the parts that an index names.

    Raises:
        TeacherLoadError: It is no index, or a part is missing.
    """
    read_json(snapshot, index)
    where = f"{snapshot.location}: {index}"
    weight_map = _weight_map(snapshot.folder / index)
    if not weight_map:
        raise TeacherLoadError(f"{where} has no weight_map from tensors to names of files.")
    parts = sorted(set(weight_map.values()))
    for part in parts:
        if Path(part).name != part or "\\" in part or not part.endswith(".safetensors"):
            raise TeacherLoadError(
                f"{where} must name safetensors files beside itself in weight_map, "
                f"got {quoted(part)}."
            )
    folder = index.rpartition("/")[0]
    paths = [f"{folder}/{part}".lstrip("/") for part in parts]
    if missing := [path for path in paths if path not in names]:
        raise TeacherLoadError(
            f"{snapshot.location} lacks {', '.join(missing)}, {len(missing)} of the {len(parts)} "
            f"parts that {index} names."
        )
    return paths


def _weight_map(index: Path) -> dict[str, str]:
    """Return where an index says that tensors lie; nothing if it does not."""
    try:
        known = json.loads(index.read_text(encoding="utf-8")).get("weight_map")
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    is_map = isinstance(known, Mapping) and all(isinstance(each, str) for each in known.values())
    return dict(known) if is_map else {}


def _fetch(snapshot: Snapshot, names: Sequence[str]) -> None:
    """Fetch files of a hub id that are not here; this may take minutes, so bars are shown."""
    missing = [glob.escape(name) for name in names if not (snapshot.folder / name).is_file()]
    if snapshot.commit and missing:
        download(snapshot.location, snapshot.commit, missing)


def _taken(location: str, stem: str, asked: str, found: str) -> str:
    if asked:
        return f"{location} has no {asked} files of {stem}: taking those without a variant."
    return f"{location} has only {found} files of {stem}: taking them (variant: {found})."


@cache
def tell(line: str) -> None:
    """Tell something once."""
    log("%s", line)


def _nothing(snapshot: Snapshot, names: Collection[str], stem: str, variant: str) -> str:
    """Return a sentence on weights that are missing, by what is there instead."""
    folder, _, base = stem.rpartition("/")
    own = [name for name in names if name.rpartition("/")[0] == folder]
    endings = (".safetensors", ".safetensors.index.json", *PICKLED)
    present = sorted(name.rpartition("/")[2] for name in own if name.endswith(endings))
    wanted = f"{stem}.{variant}.safetensors" if variant else f"{stem}.safetensors"
    lacks = f"{snapshot.location} lacks {wanted}"
    if not present:
        return f"{lacks}; there are no weights."
    there = f"{lacks}; there are {', '.join(present[:6])}{', ...' * (len(present) > 6)}"
    variants = [each for each in _variants(names, stem) if each]
    if variants:
        options = " or ".join(f"variant: {each}" for each in variants)
        return f"{there}: choose by the options of a model file, {options}."
    if any(name.startswith(f"{base}-") for name in present):
        return f"{there}: parts without their index, {base}.safetensors.index.json."
    if any(name.endswith(PICKLED) for name in present):
        return (
            f"{there}: pickled files are never read, convert them with "
            f"{converted(snapshot.location)}, and give --model NEW."
        )
    return f"{there}."
