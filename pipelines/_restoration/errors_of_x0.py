"""The squared error of a student's x0 to its teacher's and to HR, on held-out pictures, by time."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

import pairgen
from pairgen import plugins
from pairgen.draws import Draws
from pairgen.losses.scale_distillation import noised
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods.base import AVERAGE
from pairgen.model_config import find_model
from pairgen.sampling.enlarge import enlarge
from pairgen.shards.loading.batch import Batch
from pairgen.training.runs.finished_run import load_run

# Starts of the bins of times, and the end.
BINS = (0, 250, 500, 750, 1000)
BATCH_SIZE, SEED = 32, 0
CPU = torch.device("cpu")


@torch.no_grad()
def errors_of_x0(
    student: Path, teacher: Path, data: Path, scale: int, num: int
) -> tuple[list[float], list[float]]:
    """Return the mean squared error of x0 in each bin of times: to the teacher, and to HR.

    Args:
        student: Run of a student at 1/scale.
        teacher: Run of its teacher at 2/scale.
        data: Pairs that neither has seen.
        scale: N of the student.
        num: Number of pairs, each at one time of each bin.
    """
    (mine, _), (theirs, _) = (load_run(str(run), AVERAGE, CPU) for run in (student, teacher))
    model = find_model(str(student))
    where = {"location": model.location, **model.options}
    autoencoder = plugins.call("teachers", model.teacher, "build_autoencoder", device=CPU, **where)
    encoder = plugins.build(
        "teachers",
        model.teacher,
        with_network=False,
        device=CPU,
        dtype=torch.float32,
        negative_prompt="",
        **where,
    )
    conditioning = encoder.encode_prompts([""])
    to_teacher, to_hr = ([0.0] * (len(BINS) - 1) for _ in range(2))
    for number, batch in enumerate(_batches(data, scale, num)):
        draws = Draws(SEED, number, 0, len(batch), len(batch), CPU)
        z_h = autoencoder.encode(batch.image("png"))
        small, large = (_encoded(autoencoder, batch, each) for each in (scale, scale // 2))
        texts = conditioning.expand(len(batch))
        for place, (low, high) in enumerate(pairwise(BINS)):
            t = draws.integers(low, high).double()
            eps = draws.normal(tuple(z_h.shape[1:]))
            alpha, sigma = (each.float() for each in mine.schedule.alpha_sigma(t))
            z_t = noised(z_h, eps, alpha, sigma, t == mine.schedule.first_time)
            x0, _ = x0_eps_of(mine, z_t, t, texts.with_image(small))
            x0_teacher, _ = x0_eps_of(theirs, z_t, t, texts.with_image(large))
            for found, target in ((to_teacher, x0_teacher), (to_hr, z_h)):
                found[place] += float((x0 - target).square().mean((1, 2, 3)).sum()) / num
    return to_teacher, to_hr


def _batches(data: Path, scale: int, num: int) -> Iterator[Batch]:
    fields = ["png", f"lr{scale}.png", f"lr{scale // 2}.png"]
    loader = pairgen.Loader(str(data), fields=fields, batch_size=BATCH_SIZE, seed=SEED)
    for batch, _ in zip(loader, range(num // BATCH_SIZE), strict=False):
        yield batch


def _encoded(autoencoder: pairgen.teachers.base.Autoencoder, batch: Batch, scale: int) -> Tensor:
    latent: Tensor = autoencoder.encode(enlarge(batch.image(f"lr{scale}.png"), scale))
    return latent
