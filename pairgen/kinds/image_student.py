"""Run an image student: the one way, for grids, `eval` and whoever loads an exported student.

    given image -> enlarged -> encoded -> start: its latent, or noise -> solver -> decoded
    given image -> enlarged -> condition of the branch; start: noise -> solver -> decoded

Letters of the shapes: B = images; h, w = a given image in pixels; s = the recipe's scale.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.image_recipe import IMAGE, NOISE, SAMPLE, ImageRecipe
from pairgen.kinds.image_sampling import ImageSampling, read_image_sampling
from pairgen.methods.base import ImageStudent
from pairgen.sampling.condition import RGB, RGB_AND_MASK, as_condition, paste_known
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.parameterization import Schedule
from pairgen.sampling.sampler import sample
from pairgen.sampling.signed import to_signed
from pairgen.sampling.solvers import SOLVERS
from pairgen.seeding import Stream, generator_for
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers.base import Autoencoder

# Maps state, times, conditioning and guidance scales to (x0, eps), see `Teacher.predict`.
Predict = Callable[[Tensor, Tensor, Conditioning, Tensor | None], tuple[Tensor, Tensor]]
# Parts of the stream of noises.
START_PART, POSTERIOR_PART = 0, 1


@dataclass(frozen=True, kw_only=True)
class ImageModel:
    """An image student that is ready to run.

    Attributes:
        predict: Its network: a loaded `Teacher.predict`, or a denoiser in training.
        schedule: alpha and sigma over time.
        autoencoder: Its VAE.
        recipe: What it does with an image.
        sampling: How it steps.
    """

    predict: Predict
    schedule: Schedule
    autoencoder: Autoencoder
    recipe: ImageRecipe
    sampling: ImageSampling

    @property
    def evaluations(self) -> int:
        """Network evaluations per image; guidance counts double."""
        return self.sampling.evaluations(self.schedule)


@dataclass(frozen=True, kw_only=True)
class Noises:
    """The standard normal numbers of images, float32, each image's own.

    Attributes:
        start: State at the first time, [B, C, H, W]; None for a student that starts at the image.
        posterior: For samples of the encoder's posterior, [B, C, H, W]; None for its mean.
    """

    start: Tensor | None
    posterior: Tensor | None


def check_inputs(
    name: str, recipe: ImageRecipe, num_channels: int, condition_channels: int
) -> None:
    """Check that a network takes an image latent, or a condition, if the recipe says so.

    Args:
        name: Name of the student in messages.
        recipe: What the student does.
        num_channels: Channels of the image latent that its network takes; 0 for none.
        condition_channels: Channels of the condition that its branch takes; 0 for no branch.

    Raises:
        ConfigError: They do not fit.
    """
    if recipe.concat and not num_channels:
        raise ConfigError(
            f"image.concat of {name} must be false: its network takes no image latent."
        )
    if num_channels and not recipe.concat:
        raise ConfigError(
            f"image.concat of {name} must be true: its network takes an image latent of "
            f"{num_channels} channels."
        )
    wanted = num_condition_channels(recipe)
    if condition_channels != wanted:
        raise ConfigError(
            f"{name} needs a branch for conditions of {wanted} channels, its network has one for "
            f"{condition_channels}."
            if wanted and condition_channels
            else f"image.branch of {name} must be {str(bool(condition_channels)).lower()}: its "
            f"network has {'a' if condition_channels else 'no'} condition branch."
        )


def num_condition_channels(recipe: ImageRecipe) -> int:
    """Return the channels of the condition that a student's branch sees; 0 for no branch."""
    if not recipe.branch:
        return 0
    return RGB_AND_MASK if recipe.mask else RGB


def model_of(student: ImageStudent, negative: Conditioning) -> ImageModel:
    """Return a student in training, ready to run.

    Args:
        student: The method's student.
        negative: Conditioning of the negative prompt, one row.

    Raises:
        ConfigError: Its sampling or its recipe does not fit its network.
    """
    denoiser = student.denoiser
    taken = (denoiser.image_channels, denoiser.condition_channels)
    check_inputs("the student", student.recipe, *taken)
    sampling = read_image_sampling(student.sampling, "the student")
    sampling.grid(denoiser.schedule)
    predict = partial(predict_guided, denoiser, denoiser.schedule, denoiser.prediction, negative)
    return ImageModel(
        predict=predict,
        schedule=denoiser.schedule,
        autoencoder=student.autoencoder,
        recipe=student.recipe,
        sampling=sampling,
    )


def draw_noises(
    model: ImageModel,
    seed: int,
    indices: Sequence[int],
    size_px: tuple[int, int],
    device: torch.device,
) -> Noises:
    """Draw the numbers that a student needs for images, from each image's own generator.

    Args:
        model: The student.
        seed: Seed of all.
        indices: Number of each image, B.
        size_px: Height and width of a given image.
        device: Device of the result.

    Raises:
        ConfigError: The enlarged image cannot be encoded.
    """
    height, width = (model.recipe.scale * side for side in size_px)
    shape = model.autoencoder.latent_shape((height, width))
    return draw_latent_noises(model.recipe, seed, indices, shape, device)


def draw_latent_noises(
    recipe: ImageRecipe,
    seed: int,
    indices: Sequence[int],
    shape: tuple[int, int, int],
    device: torch.device,
) -> Noises:
    """Draw the numbers of images whose latents have the shape [C, H, W], see `draw_noises`."""

    def draw(part: int) -> Tensor:
        drawn = [
            generator_for(seed, index, Stream.NOISE, part).standard_normal(shape, np.float32)
            for index in indices
        ]
        return torch.from_numpy(np.stack(drawn)).to(device)

    return Noises(
        start=draw(START_PART) if recipe.start == NOISE else None,
        posterior=draw(POSTERIOR_PART) if recipe.posterior == SAMPLE else None,
    )


@torch.no_grad()
def make_images(
    model: ImageModel, images: Tensor, conditioning: Conditioning, noises: Noises
) -> Tensor:
    """Make images from images.

    The network sees the batch at once; the VAE one image after the other, because in float32 it
    takes gigabytes per image.

    Args:
        model: The student.
        images: The given images, [B, 3, h, w] in [-1, 1]; with a mask [B, 4, h, w], see
            `pairgen.sampling.condition.known_part`.
        conditioning: The prompts' conditioning, B rows.
        noises: From `draw_noises`.

    Returns:
        Images, [B, 3, s h, s w] float32 in [-1, 1].
    """
    given = enlarge(images, model.recipe.scale)
    if model.recipe.branch:
        shown = conditioning.with_condition(as_condition(given))
        made = decode_each(model, sample_latents(model, None, shown, noises.start))
        return paste_known(made, given) if model.recipe.mask else made
    posterior = [None] * len(given) if noises.posterior is None else noises.posterior.split(1)
    latent = torch.cat(
        [
            model.autoencoder.encode(image, noise)
            for image, noise in zip(given.split(1), posterior, strict=True)
        ]
    ).float()
    made = sample_latents(model, latent, conditioning, noises.start)
    return decode_each(model, made)


def decode_each(model: ImageModel, latents: Tensor) -> Tensor:
    """Return the images of latents [B, C, H, W], one after the other, in [-1, 1]."""
    return torch.cat([model.autoencoder.decode(each) for each in latents.split(1)]).clamp(-1, 1)


@torch.no_grad()
def sample_latents(
    model: ImageModel, latent: Tensor | None, conditioning: Conditioning, noise: Tensor | None
) -> Tensor:
    """Return the latents of the images to make.

    Args:
        model: The student.
        latent: Latents of the enlarged given images, [B, C, H, W] float32; None for a student
            with a branch.
        conditioning: The prompts' conditioning, B rows; with the condition if there is a branch.
        noise: `Noises.start`.

    Returns:
        Latents, [B, C, H, W] float32.
    """
    recipe, sampling = model.recipe, model.sampling
    if recipe.concat:
        assert latent is not None
        conditioning = conditioning.with_image(latent)
    start = latent if recipe.start == IMAGE else noise
    assert start is not None
    guidance = None if sampling.cfg == 1 else start.new_full((len(start),), sampling.cfg)
    made, _ = sample(
        lambda x, t: model.predict(x, t, conditioning, guidance),
        start,
        sampling.grid(model.schedule),
        SOLVERS[sampling.solver],
    )
    return made.float()


def as_input(pictures: np.ndarray, device: torch.device) -> Tensor:
    """Return stored images as what a student is given, [B, 3, H, W] float32 in [-1, 1].

    Args:
        pictures: [B, H, W, 3] uint8, or [B, H, W, 1] uint8 or uint16: gray, R = G = B; or
            [B, H, W, 4] uint8, the known part of a picture and its mask, which stay four channels.
        device: Device of the result.
    """
    signed = to_signed(torch.from_numpy(pictures).to(device))
    return signed if signed.shape[1] > 1 else signed.expand(-1, RGB, -1, -1)
