"""A one-step student and its decoder as modules that take and return tensors alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.model_config import ModelConfig
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.grid import Grid, make_grid
from pairgen.sampling.parameterization import to_x0_eps
from pairgen.teachers.base import Decoder, Denoiser, Description
from pairgen.wording import counted

CPU = torch.device("cpu")
GUIDANCE = "guidance_scale"


class OneStep(nn.Module):
    """Noise and prompt embeddings to the latent, by one evaluation of the network.

    Args:
        denoiser: The student's network.
        grid: The grid of its one step.
        names: Names of the embeddings, in the order of the inputs.
    """

    def __init__(self, denoiser: Denoiser, grid: Grid, names: Sequence[str]) -> None:
        super().__init__()
        self.network = denoiser.network
        self._denoiser, self._names = denoiser, tuple(names)
        self._time = grid.times[0]
        self._first = (grid.alphas[0], grid.sigmas[0])
        self._last = (grid.alphas[-1], grid.sigmas[-1])

    def forward(self, noise: Tensor, *given: Tensor) -> Tensor:
        """Return the latent.

        Args:
            noise: Unit variance, [B, C, H, W].
            given: The embeddings, [B, ...] each; then the guidance scales [B], for a network that
                takes them.
        """
        embeddings, scales = given[: len(self._names)], given[len(self._names) :]
        time = torch.full((noise.shape[0],), self._time)
        conditioning = Conditioning(dict(zip(self._names, embeddings, strict=True)))
        output = self._denoiser(noise, time, conditioning, scales[0] if scales else None)
        alpha, sigma = (torch.tensor(each).reshape(1, 1, 1, 1) for each in self._first)
        x0, eps = to_x0_eps(self._denoiser.prediction, output, noise, alpha, sigma)
        return x0 * self._last[0] + eps * self._last[1]


class Decoding(nn.Module):
    """A latent to the image.

    Args:
        decoder: The decoder.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self._decoder = decoder

    def forward(self, latent: Tensor) -> Tensor:
        """Return images [B, 3, H', W'] in [-1, 1] of latents [B, C, H, W]."""
        return self._decoder.decode(latent)


@dataclass(frozen=True)
class Parts:
    """What is exported of a student.

    Attributes:
        student: From noise to the latent.
        decoder: From the latent to the image.
        time: The time at which the network is evaluated.
        shapes: Shapes of the student's inputs, without the batch, by name.
    """

    student: OneStep
    decoder: Decoding
    time: float
    shapes: dict[str, tuple[int, ...]]

    def example(self, num: int) -> tuple[Tensor, ...]:
        """Return inputs of the student for `num` images, random but always the same."""
        generator = torch.Generator().manual_seed(0)
        return tuple(
            torch.ones(num) if name == GUIDANCE else torch.randn(num, *shape, generator=generator)
            for name, shape in self.shapes.items()
        )


def load_parts(model: ModelConfig) -> Parts:
    """Load a one-step student from text, in float32 on the CPU.

    Raises:
        ConfigError: It is another kind of model.
        TeacherLoadError: Its weights cannot be loaded.
    """
    if model.image is not None:
        raise ConfigError(
            f"{model.name} makes images from images: pairgen export takes a student from text."
        )
    where = {"location": model.location, **model.options}
    described: Description = plugins.call("teachers", model.teacher, "describe", **where)
    if not described.embedding_shapes:
        raise ConfigError(
            f"{model.name} takes no prompt embeddings: pairgen export takes a student from text "
            "with a decoder."
        )
    grid = _grid(model, described)
    denoiser: Denoiser = plugins.call(
        "teachers", model.teacher, "build_denoiser", device=CPU, **where
    )
    guided = denoiser.guidance_dim > 0
    if not guided and model.sampling.get("cfg", 1) != 1:
        raise ConfigError(
            f"{model.name} is sampled with guidance, in two evaluations: pairgen export takes a "
            "student of one."
        )
    decoder: Decoder = plugins.call("teachers", model.teacher, "build_decoder", device=CPU, **where)
    names = list(described.embedding_shapes)
    shapes: dict[str, Any] = {"noise": denoiser.latent_shape, **described.embedding_shapes}
    if guided:
        shapes[GUIDANCE] = ()
    student = OneStep(denoiser, grid, names)
    return Parts(
        student.eval().requires_grad_(False), Decoding(decoder).eval(), grid.times[0], shapes
    )


def _grid(model: ModelConfig, described: Description) -> Grid:
    """Return the grid of a student's one step.

    Raises:
        ConfigError: It takes more than one, or another step than the one that is exported.
    """
    sampling = model.sampling
    steps, solver = sampling.get("steps"), sampling.get("solver")
    if steps != 1 or solver != "ddim":
        told = (
            f"{counted(steps, 'step')} of {solver}" if steps else "as many steps as are asked for"
        )
        raise ConfigError(
            f"{model.name} takes {told}: pairgen export takes a student of one step of ddim."
        )
    return make_grid(described.schedule, str(sampling["spacing"]), 1, str(sampling["end"]))
