"""Images of fixed prompts and noises: the teacher's, and the student's beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pairgen.kinds.decode import decode_pictures
from pairgen.kinds.ode.pictures import make_pictures
from pairgen.methods.base import Student
from pairgen.sampling.conditioning import Conditioning
from pairgen.seeding import noise_for
from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import read_list
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.slots import slot_at
from pairgen.shards.storage.store import open_store
from pairgen.sources.prompts import open_prompts
from pairgen.teachers.base import Teacher
from pairgen.training.students.shown_file import load_shown_file, save_shown_file
from pairgen.types import Plan

# Added to the dataset's seed, for noises that are not in the training data.
SEED_STEP = 1
# Batch size of text encoders and network.
BATCH_SIZE = 16
# Of `Validation`, in its file.
ARRAYS = ("guidance_scales", "noises", "pictures")


@dataclass(frozen=True)
class Validation:
    """What every grid of a run shows.

    Attributes:
        prompts: N texts.
        guidance_scales: [N] float32.
        noises: [N, C, H, W] float32.
        pictures: The teacher's images, [N, H', W', 3] uint8.
    """

    prompts: tuple[str, ...]
    guidance_scales: np.ndarray
    noises: np.ndarray
    pictures: np.ndarray


def prepare_validation(
    plan: Plan, prompts: Sequence[str], guidance_scales: Sequence[float], device: torch.device
) -> Validation:
    """Let a dataset's teacher make images of the first prompts, from separate noises.

    Args:
        plan: The dataset's plan.
        prompts: First prompts of the dataset.
        guidance_scales: Guidance scale of each image.
        device: Device for the teacher.

    Raises:
        PairgenError: The teacher cannot be loaded, or made an image that is not finite.
    """
    num = len(prompts) * len(guidance_scales)
    shown = replace(
        plan,
        seed=(plan.seed + SEED_STEP) % 2**63,
        num_samples=num,
        samples_per_shard=num,
        source={**plan.source, "num_inputs": len(prompts)},
        recipe={**plan.recipe, "guidance_scales": list(guidance_scales), "trajectory": []},
    )
    pictures = np.concatenate([part.pictures for part in make_pictures(shown, prompts, device)])
    slots = [slot_at(shown, index) for index in range(num)]
    shape = tuple(plan.members["latent.npy"]["shape"])
    dtype = plan.recipe["stored_dtype"]
    return Validation(
        prompts=tuple(prompts[slot.prompt_index] for slot in slots),
        guidance_scales=np.array([slot.guidance_scale for slot in slots], np.float32),
        noises=np.stack(
            [noise_for(shown.seed, slot.pair_index, shape, dtype) for slot in slots]
        ).astype(np.float32),
        pictures=pictures,
    )


def save_validation(validation: Validation, path: Path) -> None:
    """Save the validation data, so that a resumed run shows the same."""
    arrays = {name: getattr(validation, name) for name in ARRAYS}
    save_shown_file(path, validation.prompts, arrays)


def load_validation(path: Path) -> Validation | None:
    """Load data written by `save_validation`; None if there are none that can be read."""
    found = load_shown_file(path, ARRAYS)
    return None if found is None else Validation(found[0], **found[1])


def find_validation(
    url: str, num_prompts: int, guidance_scales: Sequence[float], path: Path, device: torch.device
) -> Validation | None:
    """Return what a run shows: as saved in `path`, else made now and saved there.

    Args:
        url: URL of the first dataset.
        num_prompts: Number of its prompts to show.
        guidance_scales: Guidance scale of each image.
        path: Path in the run folder.
        device: Device for the teacher.

    Returns:
        The validation data; None if the dataset has no prompts that a teacher could show.

    Raises:
        PairgenError: The teacher cannot be loaded, or made an image that is not finite.
    """
    if (saved := load_validation(path)) is not None:
        return saved
    store = open_store(url)
    plan = read_plan(store)
    if plan.kind != "ode" or not store.exists(layout.PROMPTS):
        return None
    prompts = read_list(store, layout.PROMPTS, open_prompts)[:num_prompts].to_pylist()
    validation = prepare_validation(plan, prompts, guidance_scales, device)
    save_validation(validation, path)
    return validation


def encode_shown(teacher: Teacher, prompts: Sequence[str]) -> Conditioning:
    """Return the conditioning of the prompts that grids show, a row for each."""
    parts = range(0, len(prompts), BATCH_SIZE)
    return Conditioning.cat(
        [teacher.encode_prompts(prompts[start : start + BATCH_SIZE]) for start in parts]
    )


@torch.no_grad()
def student_pictures(
    student: Student,
    teacher: Teacher,
    validation: Validation,
    conditioning: Conditioning,
    told: bool,
) -> np.ndarray:
    """Return the student's images of the same prompts and noises, [N, H', W', 3] uint8.

    Args:
        student: The method's student.
        teacher: Teacher, for decoding.
        validation: Prompts and noises.
        conditioning: The conditioning of the prompts.
        told: Whether the student takes the guidance scale as an input.
    """
    device = teacher.device
    latents = []
    for start in range(0, len(validation.noises), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        scales = torch.from_numpy(validation.guidance_scales[rows]).to(device)
        latents.append(
            student.generate(
                torch.from_numpy(validation.noises[rows]).to(device),
                conditioning[rows],
                scales if told else None,
            )
        )
    return decode_pictures(teacher, torch.cat(latents).float().cpu().numpy())
