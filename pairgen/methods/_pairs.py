"""What the methods that learn from (noise, prompt, latent) pairs share."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from pairgen.errors import ConfigError
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Conditioning, Denoiser, Teacher
from pairgen.types import Plan

NOISE, LATENT, TEXT = "noise.npy", "latent.npy", "txt"
# Members that hold a conditioning, by the name of its tensor.
EMBEDDINGS = ("txt_emb", "pooled_emb")


def check_pairs(method: str, plans: Sequence[Plan]) -> None:
    """Refuse sets that hold no pairs.

    Raises:
        ConfigError: A plan is of another kind.
    """
    for plan in plans:
        if plan.kind != "ode":
            raise ConfigError(
                f"{method} learns from (noise, latent) pairs, a set of kind 'ode'; "
                f"{plan.source['name']} gave one of kind {plan.kind!r}."
            )


def first_time(plans: Sequence[Plan]) -> float:
    """Return the time at which the teacher of all sets began.

    Raises:
        ConfigError: Two sets begin at different times.
    """
    times = {float(plan.resolved["times"][0]) for plan in plans}
    if len(times) > 1:
        told = ", ".join(f"{time:g}" for time in sorted(times))
        raise ConfigError(f"The sets must begin at one time; theirs are {told}.")
    return times.pop()


def stored_embeddings(plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return the members by which every set stores its conditioning; none if one set does not."""
    names = tuple(f"{name}.npy" for name in EMBEDDINGS)
    stored = [tuple(name for name in names if name in plan.members) for plan in plans]
    return stored[0] if len(set(stored)) == 1 else ()


def conditioning_of(batch: Batch, teacher: Teacher, embeddings: Sequence[str]) -> Conditioning:
    """Return the conditioning of a batch: as stored, or encoded from the texts."""
    if embeddings:
        tensors = {name.removesuffix(".npy"): batch[name].float() for name in embeddings}
        return Conditioning(tensors)
    texts = batch.texts[TEXT]
    # Each distinct prompt once.
    distinct = list(dict.fromkeys(texts))
    places = {text: place for place, text in enumerate(distinct)}
    return teacher.encode_prompts(distinct)[[places[text] for text in texts]]


class OneStudent:
    """The part of a method whose only player is its student, stepped every time.

    Args:
        denoiser: The student.
    """

    facts: Sequence[str] = ()
    evaluations: float = EVALUATIONS_IF_TRAINED

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student."""
        return {STUDENT: self._denoiser}  # type: ignore[dict-item]

    def turns(self, step: int) -> Sequence[str]:
        """Return the student, always."""
        del step
        return (STUDENT,)

    def after_step(self, step: int) -> None:
        """Do nothing."""
        del step

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}


def column(values: Tensor) -> Tensor:
    """Return [B] as [B, 1, 1, 1]."""
    return values.view(-1, 1, 1, 1)
