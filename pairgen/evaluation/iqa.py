"""Metrics of pyiqa: LPIPS, DISTS, MUSIQ, FID and others, where it is installed.

pyiqa needs torchvision, so nothing else of pairgen may. It fetches a metric's weights when the
metric is first made, and has a licence of its own.

Reference:
    https://github.com/chaofengc/IQA-PyTorch, README.md: `create_metric`, `metric_mode`,
    `lower_better`; images as tensors [N, 3, H, W] in [0, 1], FID of two folders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError
from pairgen.option_names import option_text

FULL_REFERENCE = "FR"


@dataclass(frozen=True)
class IqaMetric:
    """A metric of pyiqa.

    Attributes:
        name: Its name there, such as `maniqa-pipal`.
        compute: pyiqa's object.
    """

    name: str
    compute: Any

    @property
    def lower_is_better(self) -> bool:
        """Whether a lower score is better."""
        return bool(self.compute.lower_better)

    @property
    def is_of_sets(self) -> bool:
        """Whether it compares two sets of images, as FID does, and scores no single one."""
        return "fid" in self.name

    def scores(
        self, pictures: NDArray[np.uint8], references: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Return the score of each image, [N], one image at a time; of a metric of sets, [1].

        Args:
            pictures: Images, [N, H, W, 3].
            references: Their references, which metrics without reference leave aside.
        """
        if self.is_of_sets:
            return np.array([self._of_sets(pictures, references)])
        needs_reference = self.compute.metric_mode == FULL_REFERENCE
        found = []
        for pair in zip(pictures, references, strict=True):
            given = pair if needs_reference else pair[:1]
            found.append(float(self.compute(*map(_tensor, given))))
        return np.array(found)

    def _of_sets(self, pictures: NDArray[np.uint8], references: NDArray[np.uint8]) -> float:
        with TemporaryDirectory() as folder:
            folders = [Path(folder, name) for name in ("pictures", "references")]
            for path, images in zip(folders, (pictures, references), strict=True):
                path.mkdir()
                for number, image in enumerate(images):
                    Image.fromarray(image).save(path / f"{number:06}.png")
            return float(self.compute(*map(str, folders), verbose=False))


def load_iqa(names: Sequence[str], device: torch.device) -> tuple[str, tuple[IqaMetric, ...]]:
    """Make metrics; return pyiqa's version with them.

    Args:
        names: Their names there.
        device: Device that they run on.

    Raises:
        ConfigError: pyiqa is not installed, or has no such metric.
    """
    try:
        import pyiqa
    except ImportError as error:
        raise ConfigError(
            f"{option_text('iqa')} needs pyiqa: pip install 'pairgen[iqa]' "
            f"({' '.join(str(error).split())})."
        ) from None
    known = pyiqa.list_models()
    for name in names:
        if name not in known:
            raise ConfigError(f"pyiqa has no metric {name!r}{did_you_mean(name, known)}.")
    made = (IqaMetric(name, pyiqa.create_metric(name, device=device)) for name in names)
    return str(pyiqa.__version__), tuple(made)


def _tensor(picture: NDArray[np.uint8]) -> torch.Tensor:
    """Return an image [H, W, 3] as [1, 3, H, W] in [0, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
