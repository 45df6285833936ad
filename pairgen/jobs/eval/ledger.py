"""What a student cost: its data and its training."""

from typing import Any

from pairgen.training.record import TrainRecord

CONVENTION = (
    "Training counts what its method reports per sample and step, for networks of the teacher's "
    "size: one evaluation forward, two for gradients of weights, one for gradients that only pass "
    "through; decoders, smaller networks and penalties are not counted."
)


def spent(record: TrainRecord) -> dict[str, Any]:
    """Return the cost of data and training, and of both, in evaluations and seconds."""
    data = {
        "evaluations": sum(each.evaluations for each in record.sets),
        "seconds": sum(each.seconds for each in record.sets),
    }
    num_trained = record.steps * record.batch_size
    training = {
        "evaluations": round(record.evaluations_per_sample * num_trained),
        "seconds": record.seconds * record.num_processes,
    }
    return {
        "data": data,
        "training": {**training, "samples": num_trained},
        "together": {unit: data[unit] + training[unit] for unit in ("evaluations", "seconds")},
    }
