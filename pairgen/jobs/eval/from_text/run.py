"""Compare a student with its teacher, on pairs that it was not trained on."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from pairgen.errors import ConfigError
from pairgen.evaluation.judge import load_judge
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.jobs.eval.evaluation import (
    Asked,
    Band,
    Evaluation,
    common_facts,
)
from pairgen.jobs.eval.from_text.ledger import make_ledger
from pairgen.jobs.eval.from_text.rows import make_rows
from pairgen.jobs.eval.options import FOR_IMAGES
from pairgen.judging.from_text.fitting import (
    build_judged,
    check_fits,
    check_learned,
    check_teacher_steps,
    sampling_of,
    teacher_sampling,
)
from pairgen.judging.from_text.held_out import data_facts, read_held_out
from pairgen.judging.from_text.measured import make_bench
from pairgen.judging.from_text.sampled import evaluations_of
from pairgen.judging.from_text.seen import seen_notes
from pairgen.judging.real import find_real, real_facts
from pairgen.kinds.machine import device_name
from pairgen.kinds.model_steps import with_steps
from pairgen.kinds.ode.maker import build_teacher
from pairgen.option_names import option_text
from pairgen.process_state import cpu_threads
from pairgen.types import Plan
from pairgen.wording import counted


def evaluate_from_text(asked: Asked, plan: Plan, say: Say) -> Evaluation:
    """Evaluate a model that makes images from text.

    Args:
        asked: What is asked.
        plan: The plan of the pairs.
        say: Called with what it starts from.

    Raises:
        ConfigError: The model does not match the pairs, or was trained on them.
        PairgenError: An image is not finite, or a batch does not fit in memory.
        CorruptShardError: A shard of the pairs is damaged.
    """
    config, judged = asked.config, asked.judged
    judged = replace(judged, model=with_steps(judged.model, config.steps))
    for name in FOR_IMAGES:
        if name in asked.given:
            raise ConfigError(
                f"{option_text(name)} must be left out: {judged.model.name} makes images from "
                "text, and the option is only for image-to-image students."
            )
    if plan.kind != "ode":
        raise ConfigError(
            f"{option_text('data')} must be a dataset of kind 'ode', {config.data} is "
            f"{plan.kind!r}."
        )
    notes = seen_notes(judged, plan, config.data, config.allow_training_data)
    if not judged.is_run:
        notes.insert(0, f"{config.run} is not a run of pairgen train: evaluating it as a teacher.")
    sampling = sampling_of(judged, plan)
    check_fits(judged, sampling, plan, config.data)
    check_teacher_steps(plan, config.teacher_steps)
    pairs = read_held_out(config.data, config.where, config.num_samples)
    check_learned(judged, pairs, config.data)
    for note in notes:
        say(note)
    real = find_real(config.real_statistics)
    say(
        f"{len(pairs):,} of {pairs.num_available:,} pairs; {judged.kind}: "
        f"{counted(sampling.steps, 'step')}; teacher: "
        f"{_told_steps(config.teacher_steps)}."
    )
    with cpu_threads(config.cpu_threads or plan.execution["cpu_threads"]):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        batch_size = config.batch_size or plan.execution["batch_size"]
        model, teacher = build_judged(judged.model, plan, device), build_teacher(plan, device)
        runs = [(model, sampling)]
        runs += [(teacher, teacher_sampling(plan, steps)) for steps in config.teacher_steps]
        # An image in 50 steps takes longer than one in a single step.
        evaluations = sum(
            evaluations_of(model.schedule, sampling, pairs) for model, sampling in runs
        )
        progress = Progress(len(pairs) * evaluations, 0, unit="evaluations")
        try:
            bench = make_bench(load_judge(), teacher, pairs, real)
            found = make_rows(bench, runs, batch_size, progress.reached)
        finally:
            progress.close()
        figures = {
            **common_facts(asked, data_facts(pairs, config.data, config.where), batch_size, device),
            "real": real_facts(config.real_statistics, real, len(pairs)),
            "notes": notes,
            "rows": [row.figures for row in found.rows],
            "missing": found.missing,
            "not_meaningful": found.not_meaningful,
            "seconds_per_decode": bench.seconds_per_decode,
            "ledger": None
            if judged.record is None
            else make_ledger(
                judged.record, plan, found.sampled[0], found.sampled[1:], device_name(device)
            ),
        }
    bands = tuple(Band(row.figures["name"], row.pictures) for row in found.rows)
    return Evaluation(
        figures, bands, found.shown_prompts, found.cases, found.errors, found.shown_places
    )


def _told_steps(steps: Sequence[int]) -> str:
    """Return the numbers of steps that the teacher is run in."""
    if not steps:
        return "not run"
    return f"{', '.join(map(str, steps))} {'step' if list(steps) == [1] else 'steps'}"
