"""Compare a student's images with their targets, on images that it was not trained on."""

from dataclasses import asdict
from typing import Any

import torch

from pairgen.errors import ConfigError
from pairgen.evaluation.judge import load_judge
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.jobs.eval.evaluation import (
    Asked,
    Evaluation,
    common_facts,
    find_real,
    real_facts,
)
from pairgen.jobs.eval.from_images.made import Made, make_pictures
from pairgen.jobs.eval.from_images.rows import captions_of, make_rows
from pairgen.jobs.eval.from_images.seen import seen_notes
from pairgen.jobs.eval.ledger import CONVENTION, spent
from pairgen.jobs.eval.samples import HeldOutSet, open_held_out
from pairgen.kinds.image_model import check_image_model, load_image_model, recipe_of
from pairgen.kinds.image_pairs import check_members, read_image_pairs
from pairgen.kinds.ode.pairs import TORCH_DTYPES
from pairgen.model_config import defaults_for
from pairgen.process_state import cpu_threads
from pairgen.training.record import TrainRecord
from pairgen.types import Plan

NO_TEACHER = "no teacher makes these images, so there is none to compare its cost with"


def evaluate_from_images(asked: Asked, plan: Plan, say: Say) -> Evaluation:
    """Evaluate a student that makes images from images.

    Args:
        asked: What is asked.
        plan: The plan of the pairs.
        say: Called with what it starts from.

    Raises:
        ConfigError: The student does not match the pairs, or was trained on their images.
        PairgenError: An image is not finite, or a batch does not fit in memory.
        CorruptShardError: A shard of the pairs is damaged.
    """
    config, judged, model = asked.config, asked.judged, asked.judged.model
    recipe = recipe_of(model)
    if config.teacher_steps and "teacher_steps" in asked.given:
        raise ConfigError(
            f"teacher_steps must be left out: {model.name} makes images from images ({recipe}), "
            "which no teacher makes."
        )
    notes = seen_notes(asked, plan)
    check_image_model(model)
    samples = open_held_out(config.data, config.where, config.num_samples)
    check_members(samples.found, recipe)
    for note in notes:
        say(note)
    real = find_real(config)
    pairs = read_image_pairs(samples.found, recipe, samples.num)
    say(f"{len(pairs):,} of {samples.num_available:,} pairs; {judged.kind}: {recipe}.")
    defaults = model.defaults or defaults_for("")
    with cpu_threads(config.cpu_threads or plan.execution["cpu_threads"]):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        batch_size = config.batch_size or defaults.batch_size
        student, teacher = load_image_model(model, TORCH_DTYPES[defaults.dtype], device)
        progress = Progress(len(pairs), 0, unit="images")
        try:
            made = make_pictures(student, teacher, pairs, batch_size, progress.reached)
        finally:
            progress.close()
        rows = make_rows(load_judge(), pairs, made, judged.kind, recipe, real)
        figures = {
            **common_facts(asked, _data_facts(asked, plan, samples), batch_size, device),
            "recipe": asdict(recipe),
            "sampling": asdict(student.sampling),
            "real": real_facts(config, real, len(pairs)),
            "notes": notes,
            "rows": list(rows.figures),
            "missing": rows.missing,
            "not_meaningful": rows.not_meaningful,
            "ledger": None if judged.record is None else _ledger(judged.record, made),
        }
    return Evaluation(figures, rows.bands, captions_of(pairs))


def _data_facts(asked: Asked, plan: Plan, samples: HeldOutSet) -> dict[str, Any]:
    return {
        "url": asked.config.data,
        "fingerprint": plan.fingerprint(),
        "kind": plan.kind,
        "num_samples": samples.num,
        "num_available": samples.num_available,
        "where": asked.config.where,
        "noise_seed": plan.seed,
    }


def _ledger(record: TrainRecord, made: Made) -> dict[str, Any]:
    return {
        **spent(record),
        "student_evaluations_per_picture": made.evaluations,
        "break_even": None,
        "reason": NO_TEACHER,
        "convention": CONVENTION,
    }
