"""The closed-form teacher: a mixture of Gaussians on Stable Diffusion's schedule.

Its noised densities, and so eps, are known exactly; it has no weights and runs anywhere. It serves
tests, comparisons of solvers and trials of a cluster; of a prompt, it only uses the hash.

With data x0 ~ sum_k w_k N(m_k, s^2 I), the state x_t = alpha x0 + sigma eps has the density

    p_t(x) = sum_k w_k N(x; alpha m_k, v I)      v = alpha^2 s^2 + sigma^2

    eps(x) = -sigma grad log p_t(x) = sigma (x - alpha m(x)) / v
    m(x)   = sum_k r_k m_k                       r_k ~ w_k exp(-|x - alpha m_k|^2 / (2 v))
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairgen.config import quoted
from pairgen.errors import ConfigError
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.guidance import guided
from pairgen.sampling.parameterization import DiscreteSchedule, to_x0_eps
from pairgen.teachers._mixture import (
    MAX_PROMPT_TOKENS,
    Mixture,
    mode_means,
    mode_weights,
    stable_diffusion_schedule,
)
from pairgen.teachers.base import DecoderDescription, Description

OPTIONS = Mixture
# Latents of unit scale rarely leave [-3, 3], which is mapped to black and white.
PICTURE_RANGE = 3.0


def count_tokens(prompts: Sequence[str]) -> list[int]:
    """Return the number of words of each prompt, plus two for begin and end tokens."""
    return [len(prompt.split()) + 2 for prompt in prompts]


class GaussianTeacher:
    """The mixture as a `Teacher`.

    Everything is computed in the dtype of the state: float32 in production, float64 in tests of a
    solver's order. A conditioning is `txt_emb`, the weights w of the modes, [N, 1, K]: equal inside
    the prompt's class and 0 outside; the empty prompt gives all modes the same weight.

    Args:
        mixture: The data distribution.
        device: Device to compute on.
        negative_prompt: The negative prompt.
    """

    schedule: DiscreteSchedule
    latent_shape: tuple[int, int, int]
    device: torch.device
    max_prompt_tokens: int = MAX_PROMPT_TOKENS
    negative: Conditioning

    def __init__(self, mixture: Mixture, *, device: torch.device, negative_prompt: str) -> None:
        self.schedule = stable_diffusion_schedule()
        self.latent_shape = mixture.latent_shape
        self.device = device
        self._mixture = mixture
        means = torch.from_numpy(mode_means(mixture)).to(device)
        self._means = {dtype: means.to(dtype) for dtype in (torch.float32, torch.float64)}
        self.negative = self.encode_prompts([negative_prompt])

    def count_tokens(self, prompts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each prompt, see `Teacher`."""
        return count_tokens(prompts)

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the weights of the modes for N prompts, see `Teacher`."""
        rows = [mode_weights(prompt, self._mixture) for prompt in prompts]
        weights = torch.from_numpy(np.stack(rows)).to(self.device)
        return Conditioning({"txt_emb": weights[:, None, :]})

    def predict(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the exact (x0, eps) at x_t, guided on eps, see `Teacher`."""
        alpha, sigma = self.schedule.alpha_sigma(t)
        v = alpha**2 * self._mixture.mode_std**2 + sigma**2
        alpha, sigma, v = (scalar.to(x.dtype)[:, None] for scalar in (alpha, sigma, v))
        means = self._means[x.dtype]
        flat = x.flatten(1)
        # -|x - alpha m_k|^2 / (2 v) without the term that all modes share, [B, K].
        logits = alpha * (flat @ means.T - alpha * means.square().sum(dim=1) / 2) / v

        def eps_of(weights: Tensor) -> Tensor:
            r = torch.softmax(logits + weights.squeeze(1).to(x.dtype).log(), dim=1)
            return sigma * (flat - alpha * (r @ means)) / v

        eps = eps_of(conditioning.tensors["txt_emb"])
        if guidance is not None:
            negative = eps_of(self.negative.expand(len(x)).tensors["txt_emb"])
            eps = guided(negative, eps, guidance.to(x.dtype)[:, None])
        x0, eps = to_x0_eps("epsilon", eps, flat, alpha, sigma)
        return x0.view_as(x), eps.view_as(x)

    def decode(self, latent: Tensor) -> Tensor:
        """Return the channels side by side as gray images, [B, 3, H, C * W] in [-1, 1]."""
        batch, _, height, _ = latent.shape
        gray = latent.transpose(1, 2).reshape(batch, 1, height, -1) / PICTURE_RANGE
        return gray.clamp(-1, 1).expand(-1, 3, -1, -1)

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return the latents of images: the inverse of `decode`, without sampling."""
        del generator
        batch, (channels, height, width) = len(image), self.latent_shape
        gray = image.mean(dim=1) * PICTURE_RANGE
        return gray.view(batch, height, channels, width).transpose(1, 2)

    def to_dtype(self, dtype: torch.dtype) -> None:
        """Do nothing: there is no network, and formulas use the dtype of the state."""
        del dtype

    def compile(self) -> None:
        """Do nothing: there is no network to compile."""


def prompt_counter(
    *, location: str, **options: Any
) -> tuple[Callable[[Sequence[str]], list[int]], int]:
    """Return `count_tokens` and the maximum number of tokens."""
    _refuse_location(location)
    OPTIONS(**options)
    return count_tokens, MAX_PROMPT_TOKENS


def describe(*, location: str, **options: Any) -> Description:
    """Describe the teacher; its identity is its options.

    Args:
        location: Must be empty: there are no weights.
        **options: See `OPTIONS`.

    Raises:
        ConfigError: A location is given, or an option is invalid.
    """
    _refuse_location(location)
    mixture = OPTIONS(**options)
    return Description(
        identity=mixture.plain(),
        location="",
        schedule=stable_diffusion_schedule(),
        latent_shape=mixture.latent_shape,
        embedding_shapes={"txt_emb": (1, mixture.num_modes)},
    )


def describe_decoder(*, location: str, **options: Any) -> DecoderDescription:
    """Describe the decoder of latents.

    Args:
        location: Must be empty: there are no weights.
        **options: See `OPTIONS`.

    Raises:
        ConfigError: A location is given, or an option is invalid.
    """
    _refuse_location(location)
    channels, height, width = OPTIONS(**options).latent_shape
    return DecoderDescription(
        identity={"picture_range": PICTURE_RANGE}, size_px=(height, channels * width)
    )


def build_decoder(*, location: str, device: torch.device, **options: Any) -> GaussianTeacher:
    """Build the whole teacher, which is small.

    Args:
        location: Must be empty: there are no weights.
        device: Device to compute on.
        **options: See `OPTIONS`.

    Raises:
        ConfigError: A location is given, or an option is invalid.
    """
    return build(
        location=location, device=device, dtype=torch.float32, negative_prompt="", **options
    )


def build(
    *,
    location: str,
    device: torch.device,
    dtype: torch.dtype,
    negative_prompt: str,
    **options: Any,
) -> GaussianTeacher:
    """Build the teacher.

    Args:
        location: Must be empty: there are no weights.
        device: Device to compute on.
        dtype: Has no effect: there is no network, and formulas use the dtype of the state.
        negative_prompt: The negative prompt.
        **options: See `OPTIONS`.

    Raises:
        ConfigError: A location is given, or an option is invalid.
    """
    del dtype
    _refuse_location(location)
    return GaussianTeacher(
        OPTIONS(**options), device=torch.device(device), negative_prompt=negative_prompt
    )


def _refuse_location(location: str) -> None:
    if location:
        raise ConfigError(
            f"The gaussian teacher has no weights: location must be empty, got {quoted(location)}."
        )
