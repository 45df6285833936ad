"""The cost of a student, and the cost of one image from it and from its teacher."""

from collections.abc import Sequence
from typing import Any

from pairgen.evaluation.cost import break_even
from pairgen.judging.from_text.sampled import Sampled
from pairgen.judging.ledger import CONVENTION, devices, spent
from pairgen.training.runs.record import TrainRecord, evaluations_per_sample
from pairgen.types import Plan


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
    cost = spent(record)
    together = cost["together"]
    per_picture = evaluations_per_sample(plan)
    return {
        **cost,
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
    different = sorted({device} | devices(record))
    if len(different) > 1:
        reason = f"data, training and this evaluation ran on different devices ({different})"
        return {"pictures": None, "reason": reason}
    if not teachers:
        return {"pictures": None, "reason": "the teacher was not timed here"}
    # Scaled from the closest number of evaluations that was timed.
    closest = min(teachers, key=lambda each: abs(each.evaluations - evaluations))
    teacher = closest.seconds * evaluations / closest.evaluations
    return _break_even(spent, teacher, student.seconds)
