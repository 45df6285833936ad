"""A loaded restoration student, as a function from array to array."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairgen.errors import ConfigError, OutOfDeviceMemoryError
from pairgen.execution.user_trust import trusted_by_user
from pairgen.image_recipe import RESTORATION
from pairgen.jobs.restore.options import RestorerOptions
from pairgen.jobs.restore.pixels import (
    enlarged,
    enlarged_alpha,
    picture_index,
    take_apart,
    to_levels,
)
from pairgen.jobs.restore.tagger import FoundTagger, Prompts, find_tagger, open_tagger, prompts_of
from pairgen.jobs.restore.tagger_options import EACH_TILE
from pairgen.kinds.decode import NotFinitePictureError
from pairgen.kinds.image_model import check_image_model, load_image_model, recipe_of
from pairgen.kinds.image_student import Noises, draw_latent_noises
from pairgen.kinds.image_tiles import StudentTiles, make_in_tiles
from pairgen.kinds.model_steps import with_steps
from pairgen.kinds.ode.pairs import TORCH_DTYPES
from pairgen.kinds.usual_dtype import usual_dtype
from pairgen.model_config import MODEL_FILE, ModelConfig, defaults_of, find_model
from pairgen.redaction import url_without_secrets
from pairgen.resolution import sources_of
from pairgen.sampling.color_fix import COLOR_FIXES
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.tiles import Tiling
from pairgen.shown import Picture, Shown, ShownTable


@dataclass(frozen=True, repr=False)
class RestoredPicture(Shown):
    """A result.

    Attributes:
        pixels: The picture, with the channels and bits of the one that was restored.
        prompts: Its prompts.
    """

    pixels: np.ndarray
    prompts: Prompts

    def shown(self) -> ShownTable:
        """Return size and prompts."""
        height, width = self.pixels.shape[:2]
        rows = [("prompt", text) for text in self.prompts.texts]
        return ShownTable(f"RestoredPicture of {width} x {height} px, {self.pixels.dtype}", rows)

    def shown_pictures(self) -> list[Picture]:
        """Return the picture, without its alpha."""
        planes = self.pixels if self.pixels.ndim == 3 else self.pixels[..., None]
        color = planes[..., : 3 if planes.shape[2] > 2 else 1]
        return [("restored", lambda: color)]


class Restorer(Shown):
    """Restores pictures of any size: `restored = Restorer("runs/restorer")(picture)`.

    Attributes:
        options: The options, with those of the model and the tagger filled in.
        recipe: What the student does.
        device: Device that it runs on.

    Args:
        model: Run of `pairgen train`, or folder or YAML file of a restoration student.
        **options: Options of `pairgen restore` that say how a picture is restored: `scale`,
            `steps`, `color_fix`, `tile`, `overlap`, `vae_tile`, `vae_overlap`, `seed`, `dtype`,
            `batch_size`, and those of the tagger; and `trust_code`.

    Raises:
        ConfigError: An option is invalid, or the model is no restoration student.
    """

    def __init__(self, model: str | Path, **options: Any) -> None:
        with trusted_by_user({**options, "model": str(model)}) as given:
            found = find_restorer(sources_of(RestorerOptions, given).resolved().options)
            check_image_model(found.model)
            self.options, self.recipe = found.options, recipe_of(found.model)
            self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            dtype = TORCH_DTYPES[self.options.dtype]
            self._model, self._teacher = load_image_model(found.model, dtype, self.device)
            self._tag = None if found.tagger is None else open_tagger(found.tagger, self.device)
        chosen = self.options
        self._tiles = StudentTiles(
            network=Tiling(chosen.tile, chosen.overlap or 0),
            autoencoder=Tiling(chosen.vae_tile, chosen.vae_overlap or 0),
            at_once=chosen.batch_size,
        )
        self._encoded: dict[str, Conditioning] = {}

    def shown(self) -> ShownTable:
        """Return what it does, and how."""
        chosen = self.options
        names = ("scale", "dtype", "steps", "tile", "vae_tile", "color_fix", "batch_size", "tagger")
        rows = [("does", str(self.recipe)), ("device", str(self.device))]
        rows += [(name, str(getattr(chosen, name))) for name in names if getattr(chosen, name)]
        return ShownTable(f"Restorer: {url_without_secrets(str(chosen.model))}", rows)

    def __call__(self, picture: np.ndarray, prompt: str | None = None) -> np.ndarray:
        """Restore a picture.

        The result depends on the picture, the prompt and the options alone: its noises are drawn
        by a number that follows from its pixels.

        Args:
            picture: [H, W], or [H, W, C] with C = 1 for gray, 2 for gray and alpha, 3 for RGB, 4
                for RGB and alpha; uint8 or uint16.
            prompt: Prompt; None for the tagger's or, without a tagger, the student's own.

        Returns:
            The picture at exactly `scale` times the size, with as many channels and bits.

        Raises:
            ConfigError: The array is no picture.
            NotFinitePictureError: The student made NaN or infinity.
            OutOfDeviceMemoryError: A tile does not fit into memory.
        """
        return self.restore(picture, prompt).pixels

    def restore(self, picture: np.ndarray, prompt: str | None = None) -> RestoredPicture:
        """Restore a picture as a call does; return the result with its prompts."""
        planes = take_apart(picture)
        scale, (height, width) = self.options.scale, picture.shape[:2]
        given = enlarged(planes.color, scale, self._model.autoencoder.factor)
        corner = (..., slice(scale * height), slice(scale * width))
        try:
            told = self._prompts(given, corner, picture) if prompt is None else Prompts((prompt,))
            made = self._make(given, picture, told.texts)
        except torch.OutOfMemoryError:
            raise tile_does_not_fit(self.options, self.device) from None
        image = made[corner][0]
        # Infinities and NaN show there; looking at each value would take as much memory again.
        if not bool(torch.isfinite(image.min()) & torch.isfinite(image.max())):
            raise NotFinitePictureError("The student made a picture that is not finite.")
        image.clamp_(-1, 1)
        image, style = (each.add_(1).div_(2) for each in (image, given[corner][0]))
        fixed = COLOR_FIXES[self.options.color_fix](image, style)
        color = to_levels(fixed, planes.color)
        if planes.alpha is not None:
            color = np.concatenate([color, enlarged_alpha(planes.alpha, scale)], axis=2)
        return RestoredPicture(color if picture.ndim == 3 else color[..., 0], told)

    def noise(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the noise that a student starts from for a picture, to repeat it elsewhere.

        Args:
            picture: See `__call__`.

        Returns:
            Standard normal numbers, [C, H, W] float32; None for a student that starts from the
            latent of the picture.
        """
        factor = self._model.autoencoder.factor
        given = enlarged(take_apart(picture).color, self.options.scale, factor)
        noise = self._noises(given, picture).start
        return None if noise is None else noise[0].cpu().numpy()

    def _prompts(self, given: Tensor, corner: Any, picture: np.ndarray) -> Prompts:
        """Return the prompts of a picture that was given none."""
        if self._tag is None:
            return Prompts((self.recipe.prompt,))
        images = [given[corner]]
        if self.options.tag_each == EACH_TILE:
            factor = self._model.autoencoder.factor
            height, width = (length // factor for length in given.shape[-2:])
            tiles = self._tiles.network.tiles((height, width))
            images = [tile.of(given, factor) for tile in tiles]
        index = picture_index(picture)
        return prompts_of([self._tag(image, index) for image in images], self.recipe.prompt)

    def _make(self, given: Tensor, picture: np.ndarray, prompts: Sequence[str]) -> Tensor:
        # One at a time, so that a prompt's conditioning does not depend on the others.
        known = self._encoded
        self._encoded = {
            prompt: known[prompt] if prompt in known else self._teacher.encode_prompts([prompt])
            for prompt in dict.fromkeys(prompts)
        }
        conditioning = Conditioning.cat([self._encoded[prompt] for prompt in prompts])
        noises = self._noises(given, picture)
        return make_in_tiles(self._model, given, conditioning, noises, self._tiles)

    def _noises(self, given: Tensor, picture: np.ndarray) -> Noises:
        height, width = given.shape[-2:]
        shape = self._model.autoencoder.latent_shape((height, width))
        index = [picture_index(picture)]
        return draw_latent_noises(self.recipe, self.options.seed, index, shape, self.device)


@dataclass(frozen=True)
class FoundRestorer:
    """A restoration student that is not loaded yet.

    Attributes:
        model: Its model.
        options: The options, with those of the model and the tagger filled in.
        tagger: The tagger; None for none.
    """

    model: ModelConfig
    options: RestorerOptions
    tagger: FoundTagger | None = None


def find_restorer(options: RestorerOptions, on_cluster: bool = False) -> FoundRestorer:
    """Find the student and the tagger that options name, without loading them.

    Args:
        options: The options.
        on_cluster: Whether a cluster restores, which may have GPUs.

    Raises:
        ConfigError: The model is no restoration student, or there is no such tagger.
    """
    place = _place(options.model)
    model = with_steps(find_model(place), options.steps)
    recipe = recipe_of(model)
    if recipe.mask:
        raise ConfigError(
            f"{model.name} does not restore: it paints the part of a picture that {recipe.mask} "
            "marks: use pairgen sample --condition PICTURES --masks MASKS."
        )
    if recipe.kind != RESTORATION:
        raise ConfigError(
            f"{model.name} does not restore: it makes another image of the given one ({recipe}): "
            "use pairgen sample --condition."
        )
    defaults = defaults_of(model)
    filled = {
        "model": place,
        "scale": options.scale or recipe.scale,
        "dtype": options.dtype or usual_dtype(defaults.dtype, on_cluster),
        "overlap": options.tile // 3 if options.overlap is None else options.overlap,
        "vae_overlap": options.vae_tile // 3
        if options.vae_overlap is None
        else options.vae_overlap,
    }
    found = RestorerOptions(**{**dict(options), **filled})
    if not found.tagger:
        return FoundRestorer(model, found)
    tagger = find_tagger(found, found.seed)
    return FoundRestorer(model, found.model_copy(update=tagger.filled), tagger)


def _place(model: str) -> str:
    """Return an absolute path for a run or a file: a worker may have another working directory.

    A packaged model may have the name of a run.
    """
    path = Path(model).expanduser().absolute()
    is_path = model.endswith((".yaml", ".yml")) or (path / MODEL_FILE).is_file()
    return str(path) if is_path else model


def tile_does_not_fit(options: RestorerOptions, device: torch.device) -> OutOfDeviceMemoryError:
    """Return an error that says what would take less memory."""
    batch = f"--batch-size {options.batch_size // 2}, " if options.batch_size > 1 else ""
    return OutOfDeviceMemoryError(
        f"A tile does not fit into the memory of {device}: give {batch}a smaller --tile (now "
        f"{options.tile or 'none'}) or --vae-tile (now {options.vae_tile or 'none'})."
    )
