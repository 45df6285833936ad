"""Slots: guidances vary fastest, prompts repeat with new noise."""

from pairgen.shards.format.slots import slot_at
from tests.plans import small_plan


def test_every_pair_is_sampled_at_every_guidance_before_the_next_pair() -> None:
    plan = small_plan(guidance_scales=[3.0, 8.0], num_inputs=5)
    slots = [slot_at(plan, index) for index in range(6)]
    assert [slot.pair_index for slot in slots] == [0, 0, 1, 1, 2, 2]
    assert [slot.guidance_scale for slot in slots] == [3.0, 8.0] * 3


def test_prompts_repeat_and_the_pair_goes_on() -> None:
    plan = small_plan(guidance_scales=[8.0], num_inputs=3)
    slots = [slot_at(plan, index) for index in range(7)]
    assert [slot.prompt_index for slot in slots] == [0, 1, 2, 0, 1, 2, 0]
    assert [slot.pair_index for slot in slots] == list(range(7))
