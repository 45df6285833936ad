"""Make the samples of one shard: text, noise, ODE, arrays.

Pure in (teacher, plan, task, prompts): no sample depends on which shard was made before.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pairgen.kinds.encoded import Encoded, encode_distinct
from pairgen.kinds.machine import batch_does_not_fit
from pairgen.receipts import FailedSlot
from pairgen.sampling.grid import Grid
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.seeding import array_crc32, noise_for
from pairgen.shards.format.slots import Slot, slot_at, slot_facts
from pairgen.teachers.base import Teacher
from pairgen.types import Plan, Sample, ShardTask

TORCH_DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


@dataclass(frozen=True)
class Batch:
    """A batch that was sent to the device and may still be in progress.

    Attributes:
        slots: The batch's slots; the remaining rows are padding.
        noise: The noise, [B, C, H, W] in the stored dtype.
        latent: The latents, [B, C, H, W] in the stored dtype, in host memory after `done`.
        path: The trajectories, [B, K, C, H, W], likewise; None if they are not stored.
        done: Event after the copy to the host; None on the CPU.
    """

    slots: Sequence[Slot]
    noise: np.ndarray
    latent: Tensor
    path: Tensor | None
    done: torch.cuda.Event | None


def make_samples(
    teacher: Teacher,
    plan: Plan,
    task: ShardTask,
    prompts: Mapping[int, str],
    grid: Grid,
    wanted: Collection[int] | None = None,
) -> Iterator[list[Sample | FailedSlot]]:
    """Yield the samples of a shard in order, one batch at a time.

    The next batch is sent to the device before the previous one is read back, so a GPU never waits
    for the host.

    Args:
        teacher: The model.
        plan: The dataset's plan.
        task: The shard.
        prompts: Mapping from prompt index to prompt, for every slot of the task.
        grid: The plan's grid.
        wanted: Slots to make; only the batches that contain one of them are made, each as if all
            were made. None for all slots.

    Raises:
        OutOfDeviceMemoryError: A batch does not fit into memory.
    """
    batch_size = plan.execution["batch_size"]
    slots = [slot_at(plan, index) for index in range(task.start, task.stop)]
    texts = list(dict.fromkeys(prompts[slot.prompt_index] for slot in slots))
    batches = [slots[first : first + batch_size] for first in range(0, len(slots), batch_size)]
    if wanted is not None:
        batches = [batch for batch in batches if any(slot.index in wanted for slot in batch)]
        needed = {prompts[slot.prompt_index] for batch in batches for slot in batch}
        texts = _with_neighbours(texts, needed, batch_size)
    try:
        encoded = encode_distinct(teacher, texts, batch_size, plan.recipe["store_embeddings"])
        waiting: Batch | None = None
        for batch_slots in batches:
            batch = _launch(teacher, plan, batch_slots, prompts, encoded, grid)
            if waiting is not None:
                yield _collect(teacher, plan, waiting, prompts, encoded, grid)
            waiting = batch
        assert waiting is not None
        yield _collect(teacher, plan, waiting, prompts, encoded, grid)
    except torch.OutOfMemoryError:
        raise batch_does_not_fit(batch_size, teacher.device) from None


def _with_neighbours(texts: Sequence[str], needed: Collection[str], batch_size: int) -> list[str]:
    """Return the texts of all batches that contain a needed one: it is encoded as in a full run."""
    parts = [texts[first : first + batch_size] for first in range(0, len(texts), batch_size)]
    return [text for part in parts if any(each in needed for each in part) for text in part]


def ignore_progress(num_slots: int) -> None:
    """Report nothing."""
    del num_slots


def solve_batch(
    teacher: Teacher,
    plan: Plan,
    slots: Sequence[Slot],
    prompts: Mapping[int, str],
    encoded: Encoded,
    grid: Grid,
    evaluated: Callable[[int], None] = ignore_progress,
) -> tuple[np.ndarray, Tensor, Tensor | None]:
    """Solve the ODE for one batch, padded to the full batch shape with its last slot.

    Args:
        teacher: The model.
        plan: The dataset's plan.
        slots: Slots of the batch, at most the plan's batch size.
        prompts: Mapping from prompt index to prompt, for every slot.
        encoded: The encoded prompts.
        grid: The times that the solver visits.
        evaluated: Called with the number of slots at every evaluation of the teacher.

    Returns:
        The noise [B, C, H, W] in the stored dtype; the latent [B, C, H, W] and the path
        [B, K, C, H, W] or None, both float32 on the device, which may still be computing them. All
        without padding.
    """
    stored_dtype = plan.recipe["stored_dtype"]
    padded = [*slots, *[slots[-1]] * (plan.execution["batch_size"] - len(slots))]
    noise = np.stack(
        [
            noise_for(plan.seed, slot.pair_index, teacher.latent_shape, stored_dtype)
            for slot in slots
        ]
    )
    x = torch.from_numpy(noise).float()
    x = torch.cat([x, x[-1:].expand(len(padded) - len(slots), *x.shape[1:])])
    rows = torch.tensor([encoded.rows[prompts[slot.prompt_index]] for slot in padded])
    guidance = torch.tensor([slot.guidance_scale for slot in padded], dtype=torch.float32)
    if teacher.device.type == "cuda":
        x, rows, guidance = (
            tensor.pin_memory().to(teacher.device, non_blocking=True)
            for tensor in (x, rows, guidance)
        )
    conditioning = encoded.conditioning[rows]
    guided = is_guided(plan)

    def predict(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        evaluated(len(slots))
        return teacher.predict(x, t, conditioning, guidance if guided else None)

    path_indices = [grid.index_of(time) for time in plan.recipe["trajectory"]]
    latent, path = sample(predict, x, grid, SOLVERS[plan.recipe["solver"]], path_indices)
    return noise, latent[: len(slots)], None if path is None else path[: len(slots)]


def is_guided(plan: Plan) -> bool:
    """Return whether the teacher also evaluates the negative prompt, which doubles the cost.

    This depends on the plan, not on the batch.
    """
    return any(scale != 1 for scale in plan.recipe["guidance_scales"])


def _launch(
    teacher: Teacher,
    plan: Plan,
    slots: Sequence[Slot],
    prompts: Mapping[int, str],
    encoded: Encoded,
    grid: Grid,
) -> Batch:
    """Start one batch on the device, and the copy of its results to the host."""
    noise, latent, path = solve_batch(teacher, plan, slots, prompts, encoded, grid)
    # Converted on the device: the copy is half as large, and an overflow becomes infinity.
    dtype = TORCH_DTYPES[plan.recipe["stored_dtype"]]
    latent = _to_host(latent.to(dtype))
    path = None if path is None else _to_host(path.to(dtype))
    done = None
    if teacher.device.type == "cuda":
        done = torch.cuda.Event()
        done.record()
    return Batch(slots=slots, noise=noise, latent=latent, path=path, done=done)


def _to_host(tensor: Tensor) -> Tensor:
    """Start a copy to pinned host memory; return a CPU tensor as it is."""
    if tensor.device.type != "cuda":
        return tensor
    target = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return target.copy_(tensor, non_blocking=True)


def _collect(
    teacher: Teacher,
    plan: Plan,
    batch: Batch,
    prompts: Mapping[int, str],
    encoded: Encoded,
    grid: Grid,
) -> list[Sample | FailedSlot]:
    """Wait for a batch and turn it into samples; retry non-finite ones once in float32."""
    if batch.done is not None:
        batch.done.synchronize()
    results: list[Sample | FailedSlot] = []
    for row, slot in enumerate(batch.slots):
        latent = batch.latent[row].numpy()
        path = None if batch.path is None else batch.path[row].numpy()
        retried = False
        if not _is_finite(latent, path) and plan.execution["dtype"] != "float32":
            latent, path = _retry_in_float32(teacher, plan, slot, prompts, grid)
            retried = True
        if _is_finite(latent, path):
            text = prompts[slot.prompt_index]
            noise = batch.noise[row]
            results.append(_to_sample(plan, slot, text, noise, latent, path, encoded, retried))
        else:
            tried = "also in float32" if retried else f"in {plan.execution['dtype']}"
            results.append(FailedSlot(index=slot.index, reason=f"non-finite latent, {tried}"))
    return results


def _is_finite(latent: np.ndarray, path: np.ndarray | None) -> bool:
    return bool(np.isfinite(latent).all() and (path is None or np.isfinite(path).all()))


def _retry_in_float32(
    teacher: Teacher, plan: Plan, slot: Slot, prompts: Mapping[int, str], grid: Grid
) -> tuple[np.ndarray, np.ndarray | None]:
    """Run one slot with the entire teacher in float32, at the same batch shape."""
    dtype = TORCH_DTYPES[plan.execution["dtype"]]
    teacher.to_dtype(torch.float32)
    try:
        text = prompts[slot.prompt_index]
        encoded = encode_distinct(teacher, [text], plan.execution["batch_size"], False)
        batch = _launch(teacher, plan, [slot], prompts, encoded, grid)
        if batch.done is not None:
            batch.done.synchronize()
    finally:
        teacher.to_dtype(dtype)
    return batch.latent[0].numpy(), None if batch.path is None else batch.path[0].numpy()


def _to_sample(
    plan: Plan,
    slot: Slot,
    text: str,
    noise: np.ndarray,
    latent: np.ndarray,
    path: np.ndarray | None,
    encoded: Encoded,
    retried: bool,
) -> Sample:
    fields: dict[str, np.ndarray | bytes | str] = {"txt": text, "latent.npy": latent}
    if plan.recipe["noise"] == "stored":
        fields["noise.npy"] = noise
    if path is not None:
        fields["path.npy"] = path
    if "cls" in plan.members:
        fields["cls"] = encoded.classes[text]
    for member, array in encoded.stored.items():
        fields[member] = array[encoded.rows[text]]
    facts = {
        **slot_facts(plan, slot),
        "noise_crc32": array_crc32(noise),
        "prompt_truncated": text in encoded.truncated,
        "float32_retry": retried,
    }
    return Sample(index=slot.index, fields=fields, facts=facts)
