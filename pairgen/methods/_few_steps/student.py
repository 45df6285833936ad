"""A student that goes from noise to x0 in a few steps, and learns each of them alone."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.methods._few_steps.options import FewStepOptions
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods.base import Setup, Student
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.grid import make_grid
from pairgen.sampling.parameterization import column
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS

SOLVER, SPACING, END = "ddim", "trailing", "clean"


class FewStepStudent:
    """The student's network, its times and its states.

    Args:
        setup: Teacher and datasets.
        options: The options of the method.

    Attributes:
        denoiser: The network.

    Raises:
        ConfigError: A time is beyond the network's first, or the student would sample at others.
    """

    def __init__(self, setup: Setup, options: FewStepOptions) -> None:
        self.options = options
        self.denoiser = setup.new_denoiser(setup.guidance_embedding)
        first = self.denoiser.schedule.first_time
        if options.times[0] > first:
            raise ConfigError(
                f"times must be at most the network's first time, {first:g}, got "
                f"{options.times[0]:g}."
            )
        grid = make_grid(self.denoiser.schedule, SPACING, options.student_steps, END)
        if missing := [time for time in grid.times if time not in options.times]:
            raise ConfigError(
                f"times must hold those that student_steps={options.student_steps} visits, "
                f"{_listed(grid.times)}, got {_listed(options.times)}, which lack "
                f"{_listed(missing)}."
            )

    @property
    def simulated_evaluations(self) -> int:
        """Evaluations of the network for its own earlier steps, per sample and state."""
        return len(self.options.times) - 1 if self.options.backward_simulation else 0

    def draw_times(self, draws: Draws, weights: Sequence[float]) -> Tensor:
        """Draw a time for each sample, [B] float64.

        Args:
            draws: Draws of the samples.
            weights: How often each of the times is drawn.
        """
        drawn = draws.uniform().double()
        upper = torch.tensor(weights, dtype=torch.float64, device=drawn.device).cumsum(0)
        place = torch.searchsorted(upper / upper[-1], drawn, right=True)
        times = torch.tensor(self.options.times, dtype=torch.float64, device=drawn.device)
        return times[place.clamp(max=len(times) - 1)]

    def is_first(self, t: Tensor) -> Tensor:
        """Return whether times are the first, where the student sees noise alone, [B]."""
        return t == self.options.times[0]

    def state(self, latents: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return noised latents of the data; at the first time, noise alone, [B, C, H, W].

        Args:
            latents: Latents of the data, [B, C, H, W].
            eps: Noise, of equal shape.
            t: Times, [B] float64.
        """
        alpha, sigma = (column(each.float()) for each in self.denoiser.schedule.alpha_sigma(t))
        # There it starts when it samples.
        return torch.where(column(self.is_first(t)), eps, alpha * latents + sigma * eps)

    @torch.no_grad()
    def simulated_state(
        self, eps: Tensor, t: Tensor, conditioning: Conditioning, scales: Tensor | None
    ) -> Tensor:
        """Return where the student's own steps from noise are at times, [B, C, H, W].

        Args:
            eps: The noise that it starts from, [B, C, H, W].
            t: Times, [B] float64, each one of `times`.
            conditioning: The prompts' conditioning, B rows.
            scales: Guidance scales, [B], for a network with a guidance embedding.

        Reference:
            Yin et al. 2024 (DMD2), arXiv:2405.14867: backward simulation. Here by the steps with
            which the student samples.
        """
        x, reached = eps, eps
        for now, after in pairwise(self.options.times):
            if not bool((t <= after).any()):
                break
            x0, noise = x0_eps_of(self.denoiser, x, torch.full_like(t, now), conditioning, scales)
            alpha, sigma = self.denoiser.schedule.alpha_sigma(torch.full_like(t, after))
            x = (column(alpha) * x0 + column(sigma) * noise).float()
            reached = torch.where(column(t == after), x, reached)
        # Its casts of weights have no graph: the call that learns must not be given them.
        torch.clear_autocast_cache()
        return reached

    def x0(self, x: Tensor, t: Tensor, conditioning: Conditioning, scales: Tensor | None) -> Tensor:
        """Return what the network makes of states [B, C, H, W] in one step, float32."""
        return x0_eps_of(self.denoiser, x, t, conditioning, scales)[0].float()

    def student(self) -> Student:
        """Return the student that is sampled and exported."""
        num = self.options.student_steps
        return Student(
            denoiser=self.denoiser,
            generate=self._generate,
            sampling={"steps": num, "solver": SOLVER, "spacing": SPACING, "end": END},
            num_evaluations=num,
        )

    def _generate(
        self, noise: Tensor, conditioning: Conditioning, guidance_scale: Tensor | None
    ) -> Tensor:
        grid = make_grid(self.denoiser.schedule, SPACING, self.options.student_steps, END)
        made, _ = sample(
            lambda x, t: x0_eps_of(self.denoiser, x, t, conditioning, guidance_scale),
            noise.float(),
            grid,
            SOLVERS[SOLVER],
        )
        return made.float()


def _listed(times: Sequence[float]) -> str:
    return ", ".join(f"{time:g}" for time in times)
