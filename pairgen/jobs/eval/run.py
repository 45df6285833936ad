"""`pairgen eval`: compare a student with its teacher, on pairs that it was not trained on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import pairgen
from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.evaluation.judge import JUDGE_VERSION, load_judge
from pairgen.evaluation.real_pictures import RealPictures, load_real_pictures
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.eval.held_out import HeldOut, read_held_out
from pairgen.jobs.eval.judged import (
    Judged,
    build_judged,
    check_fits,
    check_learned,
    find_judged,
    sampling_of,
    teacher_sampling,
)
from pairgen.jobs.eval.ledger import make_ledger
from pairgen.jobs.eval.options import EvalConfig
from pairgen.jobs.eval.page import eval_page, grid_image
from pairgen.jobs.eval.rows import Bench, make_rows
from pairgen.jobs.eval.sampled import evaluations_of
from pairgen.jobs.eval.seen import check_unseen
from pairgen.kinds.machine import device_name, versions
from pairgen.kinds.ode.maker import MODULES, build_teacher
from pairgen.process_state import cpu_threads
from pairgen.redaction import without_secrets_in
from pairgen.report.pictures import encode_png
from pairgen.resolution import sources_of
from pairgen.shards.format.local_store import LocalStore
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.store import open_store

FIGURES_FILE, GRID_FILE, PAGE_FILE = "eval.json", "grid.png", "index.html"


@dataclass(frozen=True)
class Evaluated:
    """The result of `pairgen eval`.

    Attributes:
        folder: Folder with eval.json, grid.png and index.html.
        figures: Content of eval.json.
    """

    folder: Path
    figures: dict[str, Any]


@trusts_user
def run_evaluate(given: Mapping[str, Any], say: Say = log) -> Evaluated:
    """Run `eval`, and report what it starts from."""
    config = sources_of(EvalConfig, given).resolved().options
    judged = find_judged(config.run)
    plan = read_plan(open_store(config.data))
    if plan.kind != "ode":
        raise ConfigError(f"data must be a dataset of kind 'ode', {config.data} is {plan.kind!r}.")
    folder = _find_folder(config, judged)
    notes = check_unseen(
        plan, config.data, judged.record, config.run, judged.is_run, config.allow_training_data
    )
    if not judged.is_run:
        notes.insert(0, f"{config.run} is not a run of pairgen train: evaluating it as a teacher.")
    sampling = sampling_of(judged, plan)
    check_fits(judged, sampling, plan, config)
    pairs = read_held_out(config.data, config.where, config.num_samples)
    check_learned(judged, pairs, config)
    for note in notes:
        say(note)
    real = load_real_pictures(config.real_statistics) if config.real_statistics else None
    say(
        f"{len(pairs):,} of {pairs.num_available:,} pairs; {judged.kind}: {sampling.steps} "
        f"step(s); teacher: {', '.join(map(str, config.teacher_steps)) or 'not run'} steps."
    )
    with cpu_threads(config.cpu_threads or plan.execution["cpu_threads"]):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        batch_size = config.batch_size or plan.execution["batch_size"]
        model, teacher = build_judged(judged.model, plan, device), build_teacher(plan, device)
        runs = [(model, sampling)]
        runs += [(teacher, teacher_sampling(plan, steps)) for steps in config.teacher_steps]
        # An image in 50 steps takes longer than one in a single step.
        evaluations = sum(evaluations_of(model, sampling, pairs) for model, sampling in runs)
        progress = Progress(len(pairs) * evaluations, 0, unit="evaluations")
        try:
            bench = Bench(load_judge(), teacher, pairs, batch_size, real)
            found = make_rows(bench, runs, progress.reached)
        finally:
            progress.close()
        figures = {
            **_facts(config, judged, pairs, batch_size, device),
            "real": None if real is None else _real_facts(config, real, len(pairs)),
            "notes": notes,
            "rows": [row.figures for row in found.rows],
            "missing": found.missing,
            "not_meaningful": found.not_meaningful,
            "seconds_per_decode": found.seconds_per_decode,
            "ledger": None
            if judged.record is None
            else make_ledger(
                judged.record, plan, found.sampled[0], found.sampled[1:], device_name(device)
            ),
        }
    figures = without_secrets_in(figures)
    _write(folder, figures, found.shown(), found.shown_prompts)
    return Evaluated(folder, figures)


def _real_facts(config: EvalConfig, real: RealPictures, num: int) -> dict[str, Any]:
    return {
        "path": config.real_statistics,
        "num_pictures": real.statistics.count,
        "floor": real.floor(num),
    }


def _find_folder(config: EvalConfig, judged: Judged) -> Path:
    """Return the output folder, which is new, empty, or from an earlier evaluation.

    Raises:
        ConfigError: It holds something else, or must be given.
    """
    if not config.out and not judged.is_run:
        raise ConfigError(f"out must be given, because {config.run} is not a run folder.")
    folder = Path(config.out or Path(config.run) / "eval").expanduser().absolute()
    if "://" in config.out:
        raise ConfigError(f"out must be a local folder, got {config.out!r}.")
    store = LocalStore(folder)
    store.check_writable()
    if folder.is_dir() and any(folder.iterdir()) and not _is_ours(store):
        raise ConfigError(f"{folder} holds other files: give another --out.")
    return folder


def _is_ours(store: LocalStore) -> bool:
    """Whether the folder holds an earlier evaluation."""
    try:
        found = json.loads(store.read_bytes(FIGURES_FILE))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "pairgen" in found


def _facts(
    config: EvalConfig, judged: Judged, pairs: HeldOut, batch_size: int, device: torch.device
) -> dict[str, Any]:
    """Return what was evaluated, by what, and where."""
    model, plan = judged.model, pairs.plan
    described = plugins.call(
        "teachers", model.teacher, "describe", location=model.location, **model.options
    )
    record = judged.record
    return {
        "pairgen": pairgen.__version__,
        "model": {
            "path": config.run,
            "name": model.name,
            "kind": judged.kind,
            "identity": dict(described.identity),
            "method": record.method if record else None,
            "trained_on": [each.fingerprint for each in record.sets] if record else None,
        },
        "data": {
            "url": config.data,
            "fingerprint": plan.fingerprint(),
            "num_samples": len(pairs),
            "num_available": pairs.num_available,
            "num_prompts": len(set(pairs.prompts)),
            "where": config.where,
            "teacher": plan.teacher["name"],
            **{name: plan.recipe[name] for name in ("solver", "spacing", "steps", "end")},
            "guidance_scales": plan.recipe["guidance_scales"],
        },
        "judge_version": JUDGE_VERSION,
        "batch_size": batch_size,
        "cpu_threads": torch.get_num_threads(),
        "device": device_name(device),
        "versions": versions(MODULES),
    }


def _write(
    folder: Path,
    figures: Mapping[str, Any],
    shown: Sequence[Mapping[str, Any]],
    prompts: Sequence[str],
) -> None:
    """Write the figures first, which mark the folder as ours, then grid and page."""
    # Make everything before writing the first byte.
    grid = encode_png(grid_image(shown, prompts))
    page = eval_page(figures, shown, prompts)
    text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    store = LocalStore(folder)
    store.put_bytes(FIGURES_FILE, f"{text}\n".encode())
    store.put_bytes(GRID_FILE, grid)
    store.put_bytes(PAGE_FILE, page.encode())
    store.prune()
