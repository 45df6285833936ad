"""Read triplets that people judged, from folders in the layout of BAPPS.

FOLDER/.../traditional/ref/000000.png    the reference
FOLDER/.../traditional/p0/000000.png     a version of it
FOLDER/.../traditional/p1/000000.png     another version
FOLDER/.../traditional/judge/000000.npy  one number: share of people who find p1 closer

The folder may be such a folder itself, or contain any number of them at any depth. Triplets below a
folder `val` are held out; without one, a share of the triplets is.

Reference:
    Zhang et al. 2018, arXiv:1801.03924: the data set and its layout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.jobs.latent_lpips.labels import hash_below
from pairgen.jobs.latent_lpips.triplets import Triplets
from pairgen.seeding import Stream, generator_for
from pairgen.sources.photographs import UnusableImageError, read_size
from pairgen.teachers.base import Teacher

PARTS = ("ref", "p0", "p1")
JUDGE, HELD_OUT = "judge", "val"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
BATCH_SIZE = 16


@dataclass(frozen=True)
class JudgedFiles:
    """A triplet on disk.

    Attributes:
        pictures: Paths of the reference and its two versions.
        judge: Share of the people who find the second version closer.
        held_out: Whether it is only used for evaluation.
        kind: Name of its folder.
    """

    pictures: tuple[Path, Path, Path]
    judge: float
    held_out: bool
    kind: str


def find_triplets(folder: str, share: float) -> list[JudgedFiles]:
    """Return the triplets of a folder, in order; read every judgement and image header.

    Args:
        folder: Folder in the layout of BAPPS.
        share: Share of the triplets to hold out if no folder is called `val`.

    Raises:
        ConfigError: There are no triplets, an image is missing or cannot be read, a judgement is
            not a share, or too few triplets are held out or left for training.
    """
    root = Path(folder).expanduser()
    judges = sorted(path for path in root.rglob(f"{JUDGE}/*.npy") if path.is_file())
    if not judges:
        raise ConfigError(
            "calibration must be a folder that contains ref/, p0/, p1/ and judge/*.npy, got "
            f"{folder!r}."
        )
    places = [path.relative_to(root) for path in judges]
    has_val = any(HELD_OUT in place.parts for place in places)
    found = [
        JudgedFiles(
            pictures=_pictures(path),
            judge=_read_judge(path),
            held_out=HELD_OUT in place.parts if has_val else hash_below(place.as_posix(), share),
            kind=path.parents[1].name,
        )
        for path, place in zip(judges, places, strict=True)
    ]
    num_held_out = sum(each.held_out for each in found)
    if num_held_out == 0 or len(found) - num_held_out < 2:
        raise ConfigError(
            f"calibration must hold triplets for training and for evaluation, got "
            f"{len(found) - num_held_out:,} and {num_held_out:,} in {folder}."
        )
    return found


def read_triplets(
    files: Sequence[JudgedFiles],
    size_px: tuple[int, int],
    teacher: Teacher,
    space: str,
    seed: int,
) -> Iterator[Triplets]:
    """Yield triplets in batches of 16, resized and converted to a space.

    Args:
        files: Triplets, in order.
        size_px: Height and width of the teacher's images.
        teacher: Teacher that encodes them.
        space: `latent` or `pixel`.
        seed: Seed of the encoder's draws.

    Raises:
        ConfigError: An image cannot be decoded.
    """
    for start in range(0, len(files), BATCH_SIZE):
        batch = files[start : start + BATCH_SIZE]
        sides = []
        for number in range(len(PARTS)):
            pictures = torch.stack([_read(each.pictures[number], size_px) for each in batch])
            pictures = pictures.to(teacher.device)
            if space == "latent":
                draw = generator_for(seed, start, Stream.CROP, part=number).integers(2**31)
                with torch.no_grad():
                    pictures = teacher.encode(pictures, torch.Generator().manual_seed(int(draw)))
            sides.append(pictures)
        yield Triplets(
            reference=sides[0],
            first=sides[1],
            second=sides[2],
            judge=torch.tensor([each.judge for each in batch]),
            held_out=torch.tensor([each.held_out for each in batch]),
            kinds=tuple(each.kind for each in batch),
        )


def _pictures(judge: Path) -> tuple[Path, Path, Path]:
    """Return the images that belong to a judgement."""
    found = []
    for part in PARTS:
        folder = judge.parents[1] / part
        choices = [folder / f"{judge.stem}{suffix}" for suffix in SUFFIXES]
        picture = next((path for path in choices if path.is_file()), None)
        if picture is None:
            raise ConfigError(f"calibration lacks {choices[0]}, which {judge} refers to.")
        _check_header(picture)
        found.append(picture)
    return found[0], found[1], found[2]


def _check_header(path: Path) -> None:
    """Raise ConfigError if an image's header cannot be read."""
    try:
        with path.open("rb") as file:
            read_size(file)
    except (OSError, UnusableImageError) as error:
        raise ConfigError(f"{path} is not a readable image: {error}.") from None


def _read(path: Path, size_px: tuple[int, int]) -> Tensor:
    """Return an image in [-1, 1], [3, H, W]: reduced by area, enlarged by bicubic interpolation."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ConfigError(f"{path} is not a readable image.")
    height, width = size_px
    smaller = pixels.shape[0] > height or pixels.shape[1] > width
    mode = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    if pixels.shape[:2] != (height, width):
        pixels = cv2.resize(pixels, (width, height), interpolation=mode)
    levels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return torch.from_numpy(levels).permute(2, 0, 1).float() / 127.5 - 1


def _read_judge(path: Path) -> float:
    try:
        values = np.load(path, allow_pickle=False)
        share = float(np.asarray(values).reshape(-1)[0])
        fine = np.asarray(values).size == 1 and 0 <= share <= 1
    except (OSError, ValueError, TypeError, IndexError, EOFError):
        fine = False
    if not fine:
        raise ConfigError(f"{path} must hold one number in [0, 1]: the share that prefers p1.")
    return share
