"""What a student cost: its data, the runs before it, and its training."""

from collections.abc import Sequence
from typing import Any

from pairgen.training.runs.record import TrainRecord

CONVENTION = (
    "Training counts what its method reports per sample and step, for networks of the teacher's "
    "size: one evaluation forward, two for gradients of weights, one for gradients that only pass "
    "through; decoders, smaller networks and penalties are not counted."
)


def spent(record: TrainRecord) -> dict[str, Any]:
    """Return the cost of data and training, and of all together, in evaluations and seconds.

    The runs that made its teacher and its start are counted too, and their data where they are
    others.
    """
    sets = record.all_sets
    data = {
        "evaluations": sum(each.evaluations for each in sets),
        "seconds": sum(each.seconds for each in sets),
    }
    training, before = _trained([record]), _trained(record.before)
    return {
        "data": data,
        "before": {**before, "runs": [each.name for each in record.before]},
        "training": training,
        "together": {
            unit: data[unit] + before[unit] + training[unit] for unit in ("evaluations", "seconds")
        },
    }


def devices(record: TrainRecord) -> set[str]:
    """Return the devices that data and trainings ran on."""
    runs = (record, *record.before)
    of_sets = {name for each in record.all_sets for name in each.devices}
    return {each.device for each in runs} | of_sets


def _trained(records: Sequence[TrainRecord]) -> dict[str, Any]:
    nums = [each.steps * each.batch_size for each in records]
    costs = (
        round(each.evaluations_per_sample * num) for each, num in zip(records, nums, strict=True)
    )
    return {
        "evaluations": sum(costs),
        "seconds": sum(each.seconds * each.num_processes for each in records),
        "samples": sum(nums),
    }
