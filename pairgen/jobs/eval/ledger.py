"""The cost of a student, and the cost of one image from it and from its teacher."""

from collections.abc import Sequence
from typing import Any

from pairgen.evaluation.cost import break_even
from pairgen.jobs.eval.sampled import Sampled
from pairgen.training.record import TrainRecord, evaluations_per_sample
from pairgen.types import Plan

CONVENTION = (
    "Training counts what its method reports per sample and step, for networks of the teacher's "
    "size: one evaluation forward, two for gradients of weights, one for gradients that only pass "
    "through; decoders, smaller networks and penalties are not counted."
)


def make_ledger(
    record: TrainRecord, plan: Plan, student: Sampled, teachers: Sequence[Sampled], device: str
) -> dict[str, Any]:
    """Return costs and break-even points as plain data.

    Args:
        record: Record of the training.
        plan: Plan of the held-out pairs; the student competes with their teacher at their steps.
        student: The student, as measured here.
        teachers: The teacher at several numbers of steps, as measured here.
        device: Device of this machine.
    """
    data = {
        "evaluations": sum(each.evaluations for each in record.sets),
        "seconds": sum(each.seconds for each in record.sets),
    }
    num_trained = record.steps * record.batch_size
    training = {
        "evaluations": round(record.evaluations_per_sample * num_trained),
        "seconds": record.seconds * record.num_processes,
    }
    together = {unit: data[unit] + training[unit] for unit in ("evaluations", "seconds")}
    per_picture = evaluations_per_sample(plan)
    return {
        "data": data,
        "training": {**training, "samples": num_trained},
        "together": together,
        "teacher_steps": plan.recipe["steps"],
        "teacher_evaluations_per_picture": per_picture,
        "student_evaluations_per_picture": student.evaluations,
        "break_even": {
            "evaluations": _break_even(together["evaluations"], per_picture, student.evaluations),
            "seconds": _break_even_seconds(
                record, together["seconds"], per_picture, student, teachers, device
            ),
        },
        "convention": CONVENTION,
    }


def _break_even(spent: float, teacher: float, student: float) -> dict[str, Any]:
    pictures = break_even(spent, teacher, student)
    if pictures is None:
        reason = f"an image of the student costs {student:g}, one of the teacher {teacher:g}"
        return {"pictures": None, "reason": reason}
    return {"pictures": pictures, "teacher_per_picture": teacher, "student_per_picture": student}


def _break_even_seconds(
    record: TrainRecord,
    spent: float,
    evaluations: int,
    student: Sampled,
    teachers: Sequence[Sampled],
    device: str,
) -> dict[str, Any]:
    """Return the break-even in seconds; none if they come from different machines."""
    devices = sorted({device, record.device, *(name for s in record.sets for name in s.devices)})
    if len(devices) > 1:
        reason = f"data, training and this evaluation ran on different devices ({devices})"
        return {"pictures": None, "reason": reason}
    if not teachers:
        return {"pictures": None, "reason": "the teacher was not timed here"}
    # Scaled from the closest number of evaluations that was timed.
    closest = min(teachers, key=lambda each: abs(each.evaluations - evaluations))
    teacher = closest.seconds * evaluations / closest.evaluations
    return _break_even(spent, teacher, student.seconds)
