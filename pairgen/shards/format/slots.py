"""Number the samples before any work: accepted prompt x noise x guidance, image x crop, or image.

Code that makes samples and code that checks them both take a sample's facts from here.
"""

from dataclasses import dataclass
from typing import Any

from pairgen.errors import ConfigError
from pairgen.receipts import Receipt
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.planned_images import ImageOfSlot
from pairgen.sources.image_list import PlannedImage
from pairgen.types import Plan, ShardTask, sample_key

# Key of a recipe whose images may have several captions: which of them is taken.
CAPTION_CHOICE = "caption_choice"
# Facts of the samples of such a set.
CAPTION_FACTS = ("caption_number", "num_captions")


@dataclass(frozen=True)
class Slot:
    """One sample to make.

    Attributes:
        index: Index of the slot; the key in the tar.
        pair_index: Index of its (noise, prompt) pair, which siblings at other scales share.
        prompt_index: Row of the prompt in the prompt file.
        guidance_scale: Guidance scale of this sample.
    """

    index: int
    pair_index: int
    prompt_index: int
    guidance_scale: float


def slot_at(plan: Plan, index: int) -> Slot:
    """Return slot `index`: guidance scales vary fastest, then prompts, which repeat as needed.

    A repeated prompt gets new noise, because noise belongs to the pair.
    """
    guidance_scales = plan.recipe["guidance_scales"]
    pair_index, i = divmod(index, len(guidance_scales))
    return Slot(
        index=index,
        pair_index=pair_index,
        prompt_index=pair_index % plan.source["num_inputs"],
        guidance_scale=guidance_scales[i],
    )


def num_prompts(plan: Plan, task: ShardTask) -> int:
    """Return the number of prompts that a task encodes; 0 if it encodes none.

    Equal texts in different rows are encoded once but counted once per row.
    """
    if plan.kind != "ode":
        return 0
    first, last = (slot_at(plan, index) for index in (task.start, task.stop - 1))
    return int(min(last.pair_index - first.pair_index + 1, plan.source["num_inputs"]))


def slot_facts(plan: Plan, slot: Slot) -> dict[str, Any]:
    """Return the facts of a sample that follow from the plan alone."""
    return {
        "index": slot.index,
        "pair_index": slot.pair_index,
        # Siblings of one noise and prompt share it; unique even if sets of other seeds are merged.
        "group": f"{plan.seed}-{slot.pair_index:09d}",
        "prompt_index": slot.prompt_index,
        "seed": plan.seed,
        "noise_generator": plan.recipe["noise_generator"],
        "guidance_scale": float(slot.guidance_scale),
    }


def image_facts(plan: Plan, found: ImageOfSlot, index: int) -> dict[str, Any]:
    """Return what every sample made from an image says about its slot and image."""
    return {
        "index": index,
        "seed": plan.seed,
        "generator": plan.recipe["generator"],
        "image": found.image.file.name,
        "image_row": found.row,
        **caption_facts(plan, found.image, index),
    }


def caption_facts(plan: Plan, image: PlannedImage, index: int) -> dict[str, int]:
    """Return which of the image's captions a sample has; nothing if nobody chose among several."""
    if CAPTION_CHOICE not in plan.recipe:
        return {}
    number, num = image.file.caption_number, image.file.num_captions
    if image.file.captions:
        number = int(generator_for(plan.seed, index, Stream.CAPTION).integers(num))
    return dict(zip(CAPTION_FACTS, (number, num), strict=True))


def caption_of(plan: Plan, image: PlannedImage, index: int) -> str:
    """Return the caption of a sample that is made from an image; empty for none."""
    if CAPTION_CHOICE in plan.recipe and image.file.captions:
        return image.file.captions[caption_facts(plan, image, index)[CAPTION_FACTS[0]]]
    return image.file.caption


def source_facts(plan: Plan, found: ImageOfSlot, index: int) -> dict[str, Any]:
    """Return the facts of a collected sample that follow from the plan and its image alone."""
    image, facts = found.image, image_facts(plan, found, index)
    facts |= {"source_width": image.size.width, "source_height": image.size.height}
    if image.file.partner is not None:
        facts["partner_image"] = image.file.partner.name
    if "cls" in plan.members:
        facts["class_label"] = int(image.file.label)
    return facts


def crop_facts(plan: Plan, found: ImageOfSlot, index: int) -> dict[str, Any]:
    """Return the facts of a degraded sample that follow from the plan and its image alone."""
    return {**image_facts(plan, found, index), "crop_number": found.number}


def index_of_key(key: str, plan: Plan) -> int:
    """Return the slot that a user names; leading zeros may be omitted.

    Raises:
        ConfigError: The plan has no such slot.
    """
    if not key.isdecimal() or int(key) >= plan.num_samples:
        raise ConfigError(
            f"A key must be the number of a sample, 0 to {plan.num_samples - 1:,}, got {key!r}."
        )
    return int(key)


def check_made(receipt: Receipt, index: int) -> None:
    """Raise ConfigError with the reason if a slot of a shard has no sample."""
    for slot in receipt.failed:
        if slot.index == index:
            what = "left out" if slot.skipped else "not made"
            raise ConfigError(f"Sample {sample_key(index)} was {what}: {slot.told}.")
    if not receipt.start <= index < receipt.stop:
        raise ConfigError(
            f"Sample {sample_key(index)} has not been made yet: shard {receipt.shard_index:05d} "
            f"has slots {receipt.start} to {receipt.stop}."
        )
