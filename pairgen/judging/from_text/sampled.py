"""Sample from a model with the noises and prompts of pairs, and time it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from pairgen.errors import PairgenError
from pairgen.judging.from_text.held_out import HeldOut
from pairgen.kinds.encoded import encode_distinct
from pairgen.kinds.machine import batch_does_not_fit, device_clock
from pairgen.sampling.evaluations import num_evaluations
from pairgen.sampling.grid import make_grid
from pairgen.sampling.parameterization import Schedule
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.teachers.base import Teacher


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How to sample from a model.

    Attributes:
        name: Name of the table row.
        steps: Number of transitions requested.
        solver: Step rule.
        spacing: Spacing of the times.
        end: End of the grid.
        guidance_scale: Scale for every image; None for each pair's own.
        told: Whether the network takes the scale as an input, in one evaluation instead of two.
    """

    name: str
    steps: int
    solver: str
    spacing: str
    end: str
    guidance_scale: float | None = None
    told: bool = False


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Samples of a model.

    Attributes:
        sampling: How they were made.
        latents: [N, C, H, W] float32.
        evaluations: Network evaluations per image.
        seconds: Seconds per image for network and solver, without prompts and decoding.
    """

    sampling: Sampling
    latents: np.ndarray
    evaluations: int
    seconds: float


def sample_pairs(
    teacher: Teacher,
    sampling: Sampling,
    pairs: HeldOut,
    batch_size: int,
    advance: Callable[[int], None],
) -> Sampled:
    """Sample from a model with the noises, prompts and guidance scales of pairs.

    Args:
        teacher: The model; a student is one too.
        sampling: How to sample from it.
        pairs: The pairs, with their noises.
        batch_size: Batch size of the network. If there are several batches, the first is not timed.
        advance: Called after every batch with its number of network evaluations.

    Raises:
        ConfigError: The steps do not fit the model's schedule.
        OutOfDeviceMemoryError: A batch does not fit in device memory.
        PairgenError: A latent is not finite.
    """
    grid = make_grid(teacher.schedule, sampling.spacing, sampling.steps, sampling.end)
    texts = list(dict.fromkeys(pairs.prompts))
    scales = guidance_of(sampling, pairs)
    evaluations = evaluations_of(teacher.schedule, sampling, pairs)
    latents, laps = [], []
    try:
        encoded = encode_distinct(teacher, texts, batch_size, False)
        for start in range(0, len(pairs), batch_size):
            rows = slice(start, start + batch_size)
            noise = torch.from_numpy(pairs.noises[rows]).to(teacher.device)
            conditioning = encoded.conditioning[[encoded.rows[p] for p in pairs.prompts[rows]]]
            guidance = None
            if scales is not None:
                guidance = torch.from_numpy(scales[rows]).to(teacher.device)
            began = device_clock(teacher.device)
            latent, _ = sample(
                lambda x, t, c=conditioning, g=guidance: teacher.predict(x, t, c, g),  # type: ignore[misc]
                noise,
                grid,
                SOLVERS[sampling.solver],
            )
            laps.append((device_clock(teacher.device) - began, len(noise)))
            latents.append(latent.float().cpu().numpy())
            advance(len(noise) * evaluations)
    except torch.OutOfMemoryError:
        raise batch_does_not_fit(batch_size, teacher.device) from None
    made = np.concatenate(latents)
    _check_finite(made, sampling, pairs)
    # The first batch also pays for one-time loading and kernel selection.
    timed = laps[1:] or laps
    return Sampled(
        sampling=sampling,
        latents=made,
        evaluations=evaluations,
        seconds=sum(seconds for seconds, _ in timed) / sum(num for _, num in timed),
    )


def evaluations_of(schedule: Schedule, sampling: Sampling, pairs: HeldOut) -> int:
    """Return the number of network evaluations per image.

    Raises:
        ConfigError: The steps do not fit the model's schedule.
    """
    grid = make_grid(schedule, sampling.spacing, sampling.steps, sampling.end)
    doubled = guidance_of(sampling, pairs) is not None and not sampling.told
    return num_evaluations(sampling.solver, grid.num_steps, sampling.end) * (1 + doubled)


def guidance_of(sampling: Sampling, pairs: HeldOut) -> np.ndarray | None:
    """Return the guidance scale of each pair, [N] float32; None without guidance."""
    # Decided by the dataset, not by the chosen pairs, as when it was made.
    planned = set(pairs.plan.recipe["guidance_scales"])
    scales = np.array(pairs.guidance_scales, np.float32)
    if sampling.guidance_scale is not None:
        planned = {sampling.guidance_scale}
        scales = np.full(len(pairs), sampling.guidance_scale, np.float32)
    # A network that takes the scale as an input gets 1 as well.
    return scales if sampling.told or planned != {1.0} else None


def _check_finite(latents: np.ndarray, sampling: Sampling, pairs: HeldOut) -> None:
    finite = np.isfinite(latents).reshape(len(latents), -1).all(axis=1)
    if not finite.all():
        place = int(np.argmin(finite))
        raise PairgenError(
            f"The {sampling.name} produced NaN or infinity for sample {pairs.keys[place]} "
            f"({pairs.prompts[place]!r}); nothing was written."
        )
