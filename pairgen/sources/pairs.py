"""Pairs of images that exist: a folder of HR and one of LR, matched by name.

| layout | HR, LR |
|---|---|
| two folders | equal names, or the endings below |
| RealSR, one folder too | `_HR`; `_LR4` at scale 4 |
| the zoom in the name | `_x4` at scale 4; `_x1` |
| DIV2K | none; `x4` at scale 4 |
| StableSR's test sets | `test_HR`, `test_LR` |
| SeeSR | `gt`, `lr`, or `sr_bicubic` at scale 1; texts in `tag` |
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from pairgen.errors import ConfigError
from pairgen.filesystems import is_url
from pairgen.redaction import url_without_secrets
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.texts.tables import as_text

HR_FOLDERS = ("test_HR", "gt")
LR_FOLDERS = ("test_LR", "lr")
# LR that its makers have enlarged to the size of HR.
ENLARGED_FOLDERS = ("sr_bicubic",)
TAGS = "tag"
HR_ENDING = "_HR"


@dataclass(frozen=True)
class PairFolders:
    """Where pairs are.

    Attributes:
        hr: Folder of the HR images.
        lr: Folder of the LR images; may be the same one.
        tags: Folder of texts; empty for none.
    """

    hr: str
    lr: str
    tags: str = ""


@dataclass(frozen=True)
class PairedFiles:
    """HR images with their LR, and images that have no partner.

    Attributes:
        files: HR images in the order of their names, with LR as `partner`; then those without.
        reasons: Why an image has no partner, by container and place.
    """

    files: Sequence[ImageFile]
    reasons: Mapping[tuple[str, int], str] = field(default_factory=dict)


def find_pair_folders(folder: str, scale: int) -> PairFolders:
    """Return the folders of pairs below a folder, by their usual names.

    Raises:
        ConfigError: It has none.
    """
    root = Path(folder).expanduser()
    lr_names = LR_FOLDERS if scale > 1 else ENLARGED_FOLDERS
    hr = next((root / name for name in HR_FOLDERS if (root / name).is_dir()), None)
    lr = next((root / name for name in lr_names if (root / name).is_dir()), None)
    if hr is None or lr is None:
        lacking, names = ("HR", HR_FOLDERS) if hr is None else ("LR", lr_names)
        enlarged = any((root / name).is_dir() for name in ENLARGED_FOLDERS)
        hint = " (sr_bicubic has LR at the size of HR: --scale 1)" if scale > 1 and enlarged else ""
        raise ConfigError(
            f"{folder} has no folder of {lacking}, {' or '.join(names)}{hint}: give --hr and --lr."
        )
    tags = root / TAGS
    return PairFolders(str(hr), str(lr), str(tags) if tags.is_dir() else "")


def find_pairs(
    folders: PairFolders, scale: int, passed_over: PassedOver | None = None
) -> PairedFiles:
    """Match the images of two folders.

    Args:
        folders: The folders.
        scale: HR is this many times as large as LR, which endings of names may say.
        passed_over: Counts what the folders hold and is not taken; None not to count it.

    Raises:
        ConfigError: A folder does not exist or cannot be read.
    """
    for folder in (folders.hr, folders.lr):
        if is_url(folder):
            raise ConfigError(f"Pairs must be local folders, got {url_without_secrets(folder)!r}.")
    is_one = Path(folders.hr).expanduser().resolve() == Path(folders.lr).expanduser().resolve()
    hr = list(find_images([folders.hr], passed_over=passed_over))
    lr = list(find_images([folders.lr], passed_over=None if is_one else passed_over))
    if is_one:
        hr = [file for file in hr if _stem(file).endswith(HR_ENDING)]
        lr = [file for file in lr if not _stem(file).endswith(HR_ENDING)]
    hr_endings = (HR_ENDING, f"_x{scale}")
    lr_endings = (f"_LR{scale}", "_LR", "_x1", f"x{scale}")
    partners = _matched(hr, lr, (), ())
    # What equal names leave over.
    lone_hr, lone_lr = _without_partner(hr, lr, partners)
    partners |= _matched(lone_hr, lone_lr, hr_endings, lr_endings)
    lone_hr, lone_lr = _without_partner(hr, lr, partners)
    reasons = {(file.container, file.place): "no LR image of its name" for file in lone_hr}
    reasons |= {(file.container, file.place): "no HR image of its name" for file in lone_lr}
    pairs = [replace(file, partner=partners[file]) for file in hr if file in partners]
    tagged = [replace(file, tag=_tag(file, folders.tags)) for file in pairs]
    return PairedFiles((*tagged, *lone_hr, *lone_lr), reasons)


def _matched(
    hr: Iterable[ImageFile],
    lr: Sequence[ImageFile],
    hr_endings: Sequence[str],
    lr_endings: Sequence[str],
) -> dict[ImageFile, ImageFile]:
    """Return the LR image of each HR image that has one of its name, without these endings."""
    # Of several with one name, the first is taken.
    by_name = {_name(file, lr_endings): file for file in reversed(lr)}
    partners = {}
    for file in hr:
        partner = by_name.pop(_name(file, hr_endings), None)
        if partner is not None:
            partners[file] = partner
    return partners


def _without_partner(
    hr: Iterable[ImageFile], lr: Iterable[ImageFile], partners: Mapping[ImageFile, ImageFile]
) -> tuple[list[ImageFile], list[ImageFile]]:
    """Return the HR and the LR images that are in no pair."""
    used = set(partners.values())
    return [file for file in hr if file not in partners], [file for file in lr if file not in used]


def _stem(file: ImageFile) -> str:
    """Return the recorded name without its suffix."""
    return PurePosixPath(file.name).with_suffix("").as_posix()


def _name(file: ImageFile, endings: Sequence[str]) -> str:
    """Return the recorded name without its suffix and the first ending that it has."""
    stem = _stem(file)
    ending = next((each for each in endings if stem.endswith(each)), "")
    return stem.removesuffix(ending)


def _tag(file: ImageFile, folder: str) -> str:
    """Return the text of an HR image's name in a folder; empty without one."""
    path = Path(folder, f"{_stem(file)}.txt")
    return as_text(path.read_bytes()) if folder and path.is_file() else ""
