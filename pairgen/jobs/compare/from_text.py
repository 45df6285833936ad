"""Compare models that make images from text, on (noise, prompt, latent) pairs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch

from pairgen.errors import ConfigError
from pairgen.evaluation.judge import JUDGE_VERSION, load_judge
from pairgen.jobs.compare.asked import Asked, naming, slot_of
from pairgen.jobs.compare.facts import (
    bench_facts,
    check_unchanged,
    decoder_identity,
    machine_facts,
    model_facts,
)
from pairgen.jobs.compare.options import CompareConfig
from pairgen.jobs.compare.planned import (
    MODEL,
    PICTURES,
    REFERENCE,
    TEACHER,
    Advance,
    Comparison,
    Found,
    Planned,
)
from pairgen.judging.from_text.fitting import (
    build_judged,
    check_fits,
    check_learned,
    check_teacher_steps,
    sampling_of,
    teacher_sampling,
)
from pairgen.judging.from_text.held_out import HeldOut, data_facts, read_held_out
from pairgen.judging.from_text.measured import (
    END_POINTS,
    Bench,
    Measured,
    doubtful_figures,
    make_bench,
    measure_end_points,
    measure_model,
    shown_places,
)
from pairgen.judging.from_text.sampled import Sampling, evaluations_of
from pairgen.judging.from_text.seen import seen_notes
from pairgen.judging.real import find_real, real_facts
from pairgen.kinds.ode.maker import build_teacher, check
from pairgen.kinds.usual_dtype import usual_dtype
from pairgen.model_config import defaults_of
from pairgen.option_names import option_text
from pairgen.teachers.base import Description, Teacher
from pairgen.training.runs.alike import encode_alike, start_of
from pairgen.types import Plan


def compare_from_text(
    config: CompareConfig, given: Collection[str], asked: Sequence[Asked], plan: Plan
) -> Comparison:
    """Check models from text against pairs, and plan their rows.

    Raises:
        ConfigError: A model does not fit the pairs, or was trained on them.
        CorruptShardError: A shard of the pairs is damaged.
    """
    url = config.data
    for name in ("protocol", "iqa"):
        if name in given:
            raise ConfigError(
                f"{option_text(name)} must be left out: {url} holds prompts and noises, and only "
                "image-to-image models use it."
            )
    checked = []
    for each in asked:
        judged = each.judged
        with naming(judged.path):
            if judged.model.image is not None:
                raise ConfigError(
                    f"{judged.path} makes images from images ({judged.model.image}), the pairs of "
                    f"{url} are of prompts and noises."
                )
            notes = seen_notes(judged, plan, url, config.allow_training_data)
            if not judged.is_run:
                notes.append(f"{judged.path} is not a run of pairgen train: judged as a teacher.")
            sampling = sampling_of(judged, plan)
            described = check_fits(judged, sampling, plan, url)
            if not encode_alike(start_of(judged.model), plan.teacher):
                raise ConfigError(
                    f"{judged.path} has another VAE than {plan.teacher['name']}, which made the "
                    f"pairs of {url}: its latents are not comparable with theirs."
                )
        checked.append((each, notes, sampling, described))
    teacher = check_teacher_steps(plan, config.teacher_steps)
    # Other weights under the same name would be found only when they are loaded.
    check(plan)
    pairs = read_held_out(url, config.where, config.num_samples)
    for each in asked:
        with naming(each.judged.path):
            check_learned(each.judged, pairs, url)
    table = _Table(config, plan, pairs)
    rows = [table.end_points()]
    rows += [table.of_model(*each) for each in checked]
    rows += [table.of_teacher(teacher, steps) for steps in config.teacher_steps]
    return Comparison(
        bench={"from": "text", **bench_facts(config, plan, pairs.keys)},
        shared=table.shared(),
        rows=tuple(rows),
        num_pairs=len(pairs),
        cpu_threads=table.cpu_threads,
    )


class _Table:
    """The rows of a table, which share what is loaded and computed once, when a row needs it."""

    def __init__(self, config: CompareConfig, plan: Plan, pairs: HeldOut) -> None:
        self.config, self.plan, self.pairs = config, plan, pairs
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.batch_size = config.batch_size or plan.execution["batch_size"]
        self.cpu_threads = config.cpu_threads or plan.execution["cpu_threads"]
        self.places = shown_places(pairs.prompts)
        self.real = find_real(config.real_statistics)
        self._loaded: tuple[str, Teacher] | None = None

    @cached_property
    def teacher(self) -> Teacher:
        return build_teacher(self.plan, self.device)

    @cached_property
    def bench(self) -> Bench:
        return make_bench(load_judge(), self.teacher, self.pairs, self.real)

    def shared(self) -> dict[str, Any]:
        """Return what is told of all rows."""
        pairs, config = self.pairs, self.config
        return {
            "data": data_facts(pairs, config.data, config.where),
            "judge_version": JUDGE_VERSION,
            "real": real_facts(config.real_statistics, self.real, len(pairs)),
            "captions": [pairs.prompts[place] for place in self.places],
            "keys": [pairs.keys[place] for place in self.places],
            "places": self.places,
        }

    def end_points(self) -> Planned:
        return Planned(
            slot=slot_of(END_POINTS),
            role=REFERENCE,
            name=END_POINTS,
            identity={"kind": END_POINTS, "cpu_threads": self.cpu_threads},
            measure=lambda _: self._found(measure_end_points(self.bench)),
        )

    def of_model(
        self, asked: Asked, notes: Sequence[str], sampling: Sampling, described: Description
    ) -> Planned:
        judged = asked.judged
        defaults = defaults_of(judged.model)
        identity = {
            "model": dict(described.identity),
            "decoder": decoder_identity(judged),
            "dtype": usual_dtype(defaults.dtype),
        }

        def measured(advance: Advance) -> Found:
            found = self._sampled(self._load(asked), sampling, advance)
            check_unchanged(judged, identity)
            return found

        return Planned(
            slot=slot_of(judged.model.name, asked.place, sampling.steps),
            role=MODEL,
            name=judged.path,
            steps=sampling.steps,
            identity=self._identity(identity, sampling),
            facts=model_facts(asked, notes),
            evaluations=evaluations_of(described.schedule, sampling, self.pairs),
            measure=measured,
        )

    def of_teacher(self, described: Description, steps: int) -> Planned:
        sampling = teacher_sampling(self.plan, steps)
        return Planned(
            slot=slot_of(TEACHER, steps=steps),
            role=TEACHER,
            name=sampling.name,
            steps=steps,
            # Its weights are part of the fingerprint of the data.
            identity=self._identity({"dtype": self.plan.execution["dtype"]}, sampling),
            evaluations=evaluations_of(described.schedule, sampling, self.pairs),
            measure=lambda advance: self._sampled(self.teacher, sampling, advance),
        )

    def _identity(self, model: Mapping[str, Any], sampling: Sampling) -> dict[str, Any]:
        how = {name: value for name, value in asdict(sampling).items() if name != "name"}
        computed = {"batch_size": self.batch_size, "cpu_threads": self.cpu_threads}
        return {**model, "sampling": how, **computed}

    def _load(self, asked: Asked) -> Teacher:
        """Load a model; the one loaded last stays, for rows of other steps."""
        if self._loaded is None or self._loaded[0] != asked.place:
            # Free its memory before the next one is loaded.
            self._loaded = None
            self._loaded = (asked.place, build_judged(asked.judged.model, self.plan, self.device))
        return self._loaded[1]

    def _sampled(self, model: Teacher, sampling: Sampling, advance: Advance) -> Found:
        measured, _ = measure_model(self.bench, model, sampling, self.batch_size, advance)
        return self._found(measured)

    def _found(self, measured: Measured) -> Found:
        names = measured.figures.keys() - measured.missing
        return Found(
            figures=measured.figures,
            missing=measured.missing,
            doubtful=doubtful_figures(self.bench, names),
            scores=measured.scores,
            features=measured.features,
            pictures={PICTURES: measured.pictures[self.places]},
            machine=machine_facts(self.device, self.batch_size),
        )
