"""Two scores of what a student makes: the frozen network's, and that of a regularizer in training.

The student and both scores may be wrappers of one network, see `pairgen.methods.base`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.distances import mse
from pairgen.losses.score_distillation import vsd_direction, vsd_loss
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import column, to_output
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers.base import Denoiser


@dataclass(frozen=True, kw_only=True)
class ScoreDistillation:
    """The losses of student and regularizer.

    Attributes:
        frozen: The network as it was pretrained.
        regularizer: The player that learns what the student makes.
        negative: Conditioning of the negative prompt, one row.
        guidance: Guidance scale of the frozen network; 1 for none.
        epsilon: Added to the divisor of the direction.

    Reference:
        Wang et al. 2023 (ProlificDreamer), arXiv:2305.16213: variational score distillation; Wu et
        al. 2024 (OSEDiff), arXiv:2406.08177, and its published code: these losses.
    """

    frozen: Denoiser
    regularizer: Denoiser
    negative: Conditioning
    guidance: float
    epsilon: float

    @property
    def evaluations(self) -> int:
        """Evaluations per sample that compare the scores."""
        return 2 if self.guidance == 1 else 3

    def loss(
        self, latent: Tensor, conditioning: Conditioning, draws: Draws, times: tuple[int, int]
    ) -> Tensor:
        """Return the student's loss, a scalar whose gradient is that of `vsd_loss`.

        Args:
            latent: The student's latents, [B, C, H, W], with gradients.
            conditioning: The conditioning of the prompts, B rows.
            draws: Times and noises.
            times: Start and stop of the times.
        """
        z = latent.detach().float()
        x, t, _ = self._noised(z, draws, times)
        scale = None
        if self.guidance != 1:
            scale = torch.full_like(t, self.guidance, dtype=torch.float32)
        x0_teacher = self._x0(self.frozen, x, t, conditioning, scale)
        x0_student = self._x0(self.regularizer, x, t, conditioning, None)
        with torch.autocast(x.device.type, enabled=False):
            return vsd_loss(latent.float(), vsd_direction(z, x0_teacher, x0_student, self.epsilon))

    def regularizer_loss(
        self, latent: Tensor, conditioning: Conditioning, draws: Draws, times: tuple[int, int]
    ) -> Tensor:
        """Return the regularizer's diffusion loss on the student's latents, a scalar.

        Args:
            latent: The student's latents, [B, C, H, W]; they get no gradient.
            conditioning: The conditioning of the prompts, B rows.
            draws: Times and noises.
            times: Start and stop of the times.
        """
        denoiser, x0 = self.regularizer, latent.detach().float()
        x, t, eps = self._noised(x0, draws, times)
        alpha, sigma = (column(each.float()) for each in denoiser.schedule.alpha_sigma(t))
        target = to_output(denoiser.prediction, x0, eps, alpha, sigma)
        return mse(denoiser(x, t, conditioning), target)

    def check_times(self, name: str, times: tuple[int, int]) -> None:
        """Refuse times that the network was not trained at.

        Raises:
            ConfigError: They end behind its last time.
        """
        highest = int(self.frozen.schedule.first_time) + 1
        if times[1] > highest:
            raise ConfigError(
                f"The stop of {name} must be at most {highest}, one more than the network's last "
                f"time, got {times[1]}."
            )

    def _noised(
        self, x0: Tensor, draws: Draws, times: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return x_t of latents at drawn times, the times [B] float64, and the noise."""
        t = draws.integers(*times).double()
        eps = draws.normal(tuple(x0.shape[1:]))
        alpha, sigma = (column(each.float()) for each in self.frozen.schedule.alpha_sigma(t))
        return alpha * x0 + sigma * eps, t, eps

    def _x0(
        self,
        denoiser: Denoiser,
        x: Tensor,
        t: Tensor,
        conditioning: Conditioning,
        guidance: Tensor | None,
    ) -> Tensor:
        """Return x0 by a network without gradients, [B, C, H, W]."""
        schedule, prediction = denoiser.schedule, denoiser.prediction
        given = (self.negative, x, t, conditioning, guidance)
        x0, _ = predict_guided(denoiser, schedule, prediction, *given)
        return x0
