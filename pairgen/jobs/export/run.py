"""`pairgen export`: write a one-step student as ONNX files, and compare them with torch."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import pairgen
from pairgen.errors import ConfigError, PairgenError
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.export.one_step import Parts, load_parts
from pairgen.jobs.export.onnx_files import check_packages, run_onnx, write_onnx
from pairgen.jobs.export.options import ExportConfig
from pairgen.model_config import find_model
from pairgen.option_names import option_text
from pairgen.resolution import sources_of
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shown import Shown, ShownTable

STUDENT_FILE, DECODER_FILE, ABOUT_FILE = "student.onnx", "decoder.onnx", "onnx.json"
# Images are in [-1, 1]: half a level of 8 bits. torch's own differ by 1e-5 with another batch.
MAX_DIFFERENCE = 1 / 255


@dataclass(frozen=True, repr=False)
class Exported(Shown):
    """The result of `pairgen export`.

    Attributes:
        folder: The folder with the files.
        difference: Largest difference of an image from torch's, in [-1, 1], of random inputs.
    """

    folder: Path
    difference: float

    def shown(self) -> ShownTable:
        """Return where the files are, and how they compare."""
        rows = [
            *((name, str(self.folder / name)) for name in (STUDENT_FILE, DECODER_FILE)),
            ("difference from torch", f"{self.difference:.1e} in [-1, 1]"),
        ]
        return ShownTable(f"Exported to {self.folder}", rows)


def run_export(given: Mapping[str, Any], say: Say = log) -> Exported:
    """Export a student.

    Raises:
        ConfigError: The model is no one-step student from text, an option is wrong, or a package is
            missing; nothing was written.
        PairgenError: The files cannot be written, or give another image.
    """
    with trusted_by_user(given) as asked:
        options: ExportConfig = sources_of(ExportConfig, asked).resolved().options
        folder = _target(options.onnx)
        check_packages()
        parts = load_parts(find_model(options.run))
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            difference = _write(parts, partial, say)
            partial.rename(folder)
        except OSError as error:
            raise PairgenError(f"{folder} cannot be written: {error}.") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return Exported(folder, difference)


def _write(parts: Parts, folder: Path, say: Say) -> float:
    """Write the files; return the largest difference of an image from torch's."""
    example = parts.example(2)
    with torch.no_grad():
        latent = parts.student(*example)
        image = parts.decoder(latent)
    say("Writing the student.")
    write_onnx(parts.student, example, list(parts.shapes), "latent", folder / STUDENT_FILE)
    say("Writing its decoder.")
    write_onnx(parts.decoder, (latent,), ("latent",), "image", folder / DECODER_FILE)
    # One image: a file must take another number than it was made with.
    inputs = {name: each[:1].numpy() for name, each in zip(parts.shapes, example, strict=True)}
    found = run_onnx(folder / STUDENT_FILE, inputs)
    shown = torch.from_numpy(run_onnx(folder / DECODER_FILE, {"latent": found}))
    difference = float((shown - image[:1]).abs().max())
    if not difference <= MAX_DIFFERENCE:
        raise PairgenError(
            f"ONNX Runtime's image differs from torch's by {difference:.1e}, more than "
            f"{MAX_DIFFERENCE:.1e}: nothing was written."
        )
    text = json.dumps(_about(parts, latent, image, difference), indent=2)
    (folder / ABOUT_FILE).write_text(f"{text}\n", encoding="utf-8")
    return difference


def _about(
    parts: Parts, latent: torch.Tensor, image: torch.Tensor, difference: float
) -> dict[str, Any]:
    """Return what the files take and give, for those who load them."""
    latent_shape = ["batch", *latent.shape[1:]]
    return {
        "pairgen": pairgen.__version__,
        "student": {
            "file": STUDENT_FILE,
            "inputs": {name: ["batch", *shape] for name, shape in parts.shapes.items()},
            "outputs": {"latent": latent_shape},
            "time": parts.time,
        },
        "decoder": {
            "file": DECODER_FILE,
            "inputs": {"latent": latent_shape},
            "outputs": {"image": ["batch", *image.shape[1:]]},
        },
        "difference_from_torch": difference,
    }


def _target(onnx: str) -> Path:
    """Return the folder to write.

    Raises:
        ConfigError: It is a URL, exists, or cannot be made.
    """
    folder = Path(onnx).expanduser().absolute()
    if "://" in onnx or folder.exists():
        raise ConfigError(
            f"{option_text('onnx')} must be a folder that does not exist yet, got {onnx!r}."
        )
    LocalStore(folder.parent).check_writable()
    return folder
