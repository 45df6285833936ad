"""What a frozen teacher makes of a student's samples, noised again."""

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.score_distance import (
    NFSD,
    noise_free_residual,
    score_weight,
    x0_of_residual,
)
from pairgen.methods._few_steps.options import FewStepOptions
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import column
from pairgen.teachers._pretrained.predict import predict_guided
from pairgen.teachers.base import Denoiser, Teacher

# Below this share of the times, NFSD takes the whole unconditional prediction: 200 of 1000.
DETAIL_SHARE = 0.2


class TeacherX0:
    """The teacher's x0 at drawn times, and the weight of each.

    Args:
        frozen: The teacher's network, frozen.
        options: The options of the method.
        teacher: Has the conditioning of the empty prompt, and encodes the negative one of NFSD.

    Attributes:
        frozen: The teacher's network.

    Raises:
        ConfigError: The teacher cannot be guided, and has to.
    """

    def __init__(self, frozen: Denoiser, options: FewStepOptions, teacher: Teacher) -> None:
        self.frozen, self.options = frozen, options
        self._flawed = None
        is_noise_free = options.distill_weighting == NFSD
        is_guided = is_noise_free or options.guidance != 1
        # Nothing else needs it, and it would load the text encoders.
        self._negative = teacher.negative if is_guided else Conditioning({})
        if is_guided and not len(self._negative):
            raise ConfigError(
                "guidance must be 1, and distill_weighting not nfsd, for a model without "
                f"classifier-free guidance, got {options.guidance:g} and "
                f"{options.distill_weighting}."
            )
        if is_noise_free:
            self._flawed = teacher.encode_prompts([options.nfsd_negative_prompt])
        first = frozen.schedule.first_time
        alpha, _ = frozen.schedule.alpha_sigma(torch.tensor([first], dtype=torch.float64))
        # Of a flow's first state nothing is left: x0 with a residual would lie nowhere.
        self._stop = int(first) + bool(alpha > 0)

    @property
    def evaluations(self) -> int:
        """Evaluations of the teacher, per sample; 0 if it is not asked."""
        if not self.options.distill_weight:
            return 0
        return 3 if self._flawed is not None else 1 + (self.options.guidance != 1)

    @torch.no_grad()
    def of(self, x: Tensor, conditioning: Conditioning, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the teacher's x0, [B, C, H, W] float32, and c(t), [B] float32.

        Args:
            x: The student's samples, [B, C, H, W]; they get no gradient.
            conditioning: The prompts' conditioning, B rows.
            draws: Times and noises, fresh ones.
        """
        schedule = self.frozen.schedule
        t = draws.integers(1, self._stop).double()
        alpha, sigma = schedule.alpha_sigma(t)
        eps = draws.normal(tuple(x.shape[1:]))
        x_t = column(alpha.float()) * x.float() + column(sigma.float()) * eps
        weight = score_weight(self.options.distill_weighting, alpha, sigma).float()
        if self._flawed is not None:
            return self._noise_free(x.float(), x_t, t, conditioning), weight
        guidance = self.options.guidance
        scale = None if guidance == 1 else torch.full_like(t, guidance).float()
        return self._predict(x_t, t, conditioning, scale)[0], weight

    def _noise_free(self, x: Tensor, x_t: Tensor, t: Tensor, conditioning: Conditioning) -> Tensor:
        """Return the x0 of NFSD, [B, C, H, W]."""
        assert self._flawed is not None
        num = len(x)
        prompts = [conditioning, self._negative.expand(num), self._flawed.expand(num)]
        _, eps = self._predict(x_t.repeat(3, 1, 1, 1), t.repeat(3), Conditioning.cat(prompts), None)
        alpha, sigma = (column(each.float()) for each in self.frozen.schedule.alpha_sigma(t))
        in_detail = column(t < DETAIL_SHARE * (self.frozen.schedule.first_time + 1))
        by_prompt, by_empty, by_flawed = eps.chunk(3)
        guidance = self.options.guidance
        residual = noise_free_residual(by_prompt, by_empty, by_flawed, guidance, in_detail)
        return x0_of_residual(x, residual, alpha, sigma)

    def _predict(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        frozen = self.frozen
        given = (frozen, frozen.schedule, frozen.prediction, self._negative)
        return predict_guided(*given, x, t, conditioning, scale)
