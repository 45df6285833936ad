"""The metrics of a training in words, with their units: one table for all methods."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric as a page shows it.

    Attributes:
        words: What it is.
        unit: Its unit; empty for a bare number.
        factor: What the number in the file is multiplied by.
    """

    words: str
    unit: str = ""
    factor: float = 1.0


PERCENT = ("%", 100.0)
METRICS = {
    # Of every training.
    "samples_per_second": Metric("Samples per second"),
    "data_wait": Metric("Waiting for data", *PERCENT),
    # Of every player.
    "lr": Metric("Learning rate"),
    "loss": Metric("Loss"),
    "grad_norm": Metric("Norm of the gradients, before clipping"),
    # Of some methods.
    "mse": Metric("Mean squared error"),
    "l1": Metric("Mean absolute error"),
    "lpips": Metric("LPIPS to the target"),
    "distance": Metric("Perceptual distance to the target"),
    "target": Metric("Distance to the target"),
    "consistency": Metric("Consistency loss"),
    "distill": Metric("Distillation loss"),
    "vsd": Metric("Variational score distillation loss"),
    "gan": Metric("Adversarial loss"),
    "real": Metric("Loss on real samples"),
    "made": Metric("Loss on made samples"),
    "mismatched": Metric("Loss on real samples with other prompts"),
    "r1": Metric("R1 penalty"),
    "gap": Metric("Gap of the logits, real less made"),
    "right": Metric("Logits of the right sign", *PERCENT),
    "latent_std": Metric("Standard deviation of the latents"),
}


def metric_of(name: str) -> Metric:
    """Return a metric by its name in `metrics.jsonl`, such as `student/grad_norm`.

    A figure of a method of one's own is told by its name, with underscores as spaces.
    """
    player, slash, own = name.rpartition("/")
    found = METRICS.get(own) or Metric(_sentence(own))
    if not slash:
        return found
    return Metric(f"{found.words} ({player.replace('_', ' ')})", found.unit, found.factor)


def _sentence(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
