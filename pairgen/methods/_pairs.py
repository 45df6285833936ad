"""Code shared by the methods that learn from (noise, prompt, latent) pairs."""

from collections.abc import Collection, Mapping, Sequence

from torch import nn

from pairgen.errors import ConfigError
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Needs, need
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Denoiser, Teacher
from pairgen.types import Plan

NOISE, LATENT, TEXT = "noise.npy", "latent.npy", "txt"
# Names of the conditioning tensors that members can hold.
EMBEDDINGS = ("txt_emb", "pooled_emb")
# What methods on pairs state as their needs.
PAIRS = Needs(
    kinds=("ode",),
    members=(
        need(NOISE),
        need(LATENT),
        need(
            "txt_emb.npy",
            TEXT,
            note="txt_emb.npy is read if it is by the student's text encoder; else txt is encoded",
        ),
    ),
)


def check_pairs(method: str, plans: Sequence[Plan]) -> None:
    """Check that all datasets hold pairs.

    Raises:
        ConfigError: A dataset is of another kind.
    """
    for plan in plans:
        if plan.kind != "ode":
            raise ConfigError(
                f"{method} learns from (noise, latent) pairs, a dataset of kind 'ode', but the one "
                f"made from {plan.source['name']} is of kind {plan.kind!r}."
            )


def first_time(plans: Sequence[Plan]) -> float:
    """Return the time at which the ODE of all datasets starts.

    Raises:
        ConfigError: The datasets start at different times.
    """
    times = {float(plan.resolved["times"][0]) for plan in plans}
    if len(times) > 1:
        found = ", ".join(f"{time:g}" for time in sorted(times))
        raise ConfigError(f"All datasets must start at the same time, got {found}.")
    return times.pop()


def stored_embeddings(members: Collection[str]) -> tuple[str, ...]:
    """Return which of `Setup.members` store the conditioning; none if it must be encoded."""
    return tuple(f"{name}.npy" for name in EMBEDDINGS if f"{name}.npy" in members)


def conditioning_of(batch: Batch, teacher: Teacher, embeddings: Sequence[str]) -> Conditioning:
    """Return the conditioning of a batch: the stored one, or encoded from the texts."""
    if embeddings:
        tensors = {name.removesuffix(".npy"): batch[name].float() for name in embeddings}
        return Conditioning(tensors)
    return encode_texts(teacher, batch.texts[TEXT])


def encode_texts(teacher: Teacher, texts: Sequence[str]) -> Conditioning:
    """Return the conditioning of texts, a row for each; each distinct one is encoded once."""
    distinct = list(dict.fromkeys(texts))
    places = {text: place for place, text in enumerate(distinct)}
    return teacher.encode_prompts(distinct)[[places[text] for text in texts]]


class OneStudent:
    """Base of methods whose only player is the student, which steps every time.

    Args:
        denoiser: The student's network.
    """

    facts: Sequence[str] = ()
    evaluations: float = EVALUATIONS_IF_TRAINED

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student."""
        return {STUDENT: self._denoiser}  # type: ignore[dict-item]

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return one round, of the student."""
        del step
        return ((STUDENT,),)

    def after_step(self, step: int) -> None:
        """Do nothing."""
        del step

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}
