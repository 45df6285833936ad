"""Compare a student's images with their targets, on images that it was not trained on."""

from dataclasses import asdict
from typing import Any

import torch

from pairgen.errors import ConfigError
from pairgen.evaluation.iqa import load_iqa
from pairgen.evaluation.judge import load_judge
from pairgen.evaluation.protocols import PROTOCOLS
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.image_recipe import RESTORATION
from pairgen.jobs.eval.evaluation import (
    Asked,
    Evaluation,
    common_facts,
)
from pairgen.jobs.eval.from_images.beside import read_other
from pairgen.jobs.eval.from_images.chosen import choose_pairs
from pairgen.jobs.eval.from_images.rows import make_rows
from pairgen.judging.from_images.agreement import find_agreement
from pairgen.judging.from_images.facts import data_facts, iqa_facts
from pairgen.judging.from_images.made import Made, make_pictures
from pairgen.judging.from_images.measured import Bench
from pairgen.judging.from_images.seen import seen_notes
from pairgen.judging.from_images.shown import captions_of
from pairgen.judging.ledger import CONVENTION, spent
from pairgen.judging.real import find_real, real_facts
from pairgen.judging.row import picture_features
from pairgen.kinds.image_model import check_image_model, load_image_model, recipe_of
from pairgen.kinds.image_pairs import check_members, read_image_pairs
from pairgen.kinds.model_steps import with_steps
from pairgen.kinds.ode.pairs import TORCH_DTYPES
from pairgen.kinds.usual_dtype import usual_dtype
from pairgen.model_config import defaults_of
from pairgen.option_names import option_text
from pairgen.process_state import cpu_threads
from pairgen.training.runs.record import TrainRecord
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
            f"{option_text('teacher_steps')} must be left out: {model.name} makes images from "
            f"images ({recipe}), which no teacher makes."
        )
    restores = recipe.kind == RESTORATION
    if not restores and "protocol" in asked.given:
        raise ConfigError(
            f"{option_text('protocol')} must be left out: the targets of {model.name} ({recipe}) "
            "are some of many images that fit their conditions, so it has no PSNR."
        )
    notes = seen_notes(judged, plan, config.data, config.allow_training_data)
    model = with_steps(model, config.steps)
    check_image_model(model)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    version, metrics = load_iqa(config.iqa, device) if config.iqa else ("", ())
    chosen = choose_pairs(config, recipe.members)
    check_members(chosen.found, recipe)
    notes += chosen.notes
    for note in notes:
        say(note)
    real = find_real(config.real_statistics)
    pairs = read_image_pairs(chosen.found, recipe, chosen.num)
    size = pairs.targets.shape[1:3]
    others = {each.name: read_other(each, pairs.keys, size) for each in chosen.others}
    say(f"{len(pairs):,} of {chosen.num_available:,} pairs; {judged.kind}: {recipe}.")
    defaults = defaults_of(model)
    with cpu_threads(config.cpu_threads or plan.execution["cpu_threads"]):
        batch_size = config.batch_size or defaults.batch_size
        dtype = TORCH_DTYPES[usual_dtype(defaults.dtype)]
        student, teacher = load_image_model(model, dtype, device)
        progress = Progress(len(pairs), 0, unit="images")
        try:
            made = make_pictures(student, teacher, pairs, batch_size, progress.reached)
        finally:
            progress.close()
        judge, protocol = load_judge(), PROTOCOLS[config.protocol] if restores else None
        bench = Bench(
            judge=judge,
            targets=pairs.targets,
            reference=picture_features(judge, pairs.targets),
            protocol=protocol,
            scale=recipe.scale,
            metrics=metrics,
            real=real,
            agreement=find_agreement(chosen.found, recipe, pairs),
        )
        rows = make_rows(bench, pairs, made, judged.kind, recipe, others, chosen.subsets)
        facts = data_facts(plan, chosen.num, chosen.num_available, config.data, config.where)
        figures = {
            **common_facts(asked, facts, batch_size, device),
            "recipe": asdict(recipe),
            "sampling": asdict(student.sampling),
            "protocol": protocol.facts() if protocol else None,
            "edges": bench.agreement.facts(),
            "beside": [each.facts() for each in chosen.others],
            "iqa": iqa_facts(version, metrics) if metrics else None,
            "real": real_facts(config.real_statistics, real, len(pairs)),
            "notes": notes,
            **rows.table,
            "subsets": rows.subsets,
            "cases": rows.case_facts,
            "ledger": None if judged.record is None else _ledger(judged.record, made),
        }
    places = tuple(range(rows.num_shown))
    return Evaluation(figures, rows.bands, captions_of(pairs), rows.cases, rows.errors, places)


def _ledger(record: TrainRecord, made: Made) -> dict[str, Any]:
    return {
        **spent(record),
        "student_evaluations_per_picture": made.evaluations,
        "break_even": None,
        "reason": NO_TEACHER,
        "convention": CONVENTION,
    }
