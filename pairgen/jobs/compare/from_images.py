"""Compare models that make images from images, on pairs of a given image and a target."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import torch

from pairgen.errors import ConfigError
from pairgen.evaluation.iqa import IqaMetric, load_iqa
from pairgen.evaluation.judge import JUDGE_VERSION, load_judge
from pairgen.evaluation.protocols import PROTOCOLS
from pairgen.image_recipe import RESTORATION, ImageRecipe
from pairgen.jobs.compare.asked import Asked, naming, slot_of
from pairgen.jobs.compare.facts import (
    annotation_facts,
    bench_facts,
    check_unchanged,
    decoder_identity,
    machine_facts,
    model_facts,
)
from pairgen.jobs.compare.one_task import one_task
from pairgen.jobs.compare.options import CompareConfig
from pairgen.jobs.compare.planned import (
    GIVEN,
    MODEL,
    PICTURES,
    REFERENCE,
    Advance,
    Comparison,
    Found,
    Planned,
)
from pairgen.judging.from_images.agreement import find_agreement
from pairgen.judging.from_images.facts import data_facts, iqa_facts
from pairgen.judging.from_images.made import make_pictures
from pairgen.judging.from_images.measured import (
    TARGET,
    Bench,
    Measured,
    doubtful_figures,
    given_name,
    measure,
    measure_given,
    row_figures,
)
from pairgen.judging.from_images.seen import seen_notes
from pairgen.judging.from_images.shown import captions_of, given_pictures
from pairgen.judging.real import find_real, real_facts
from pairgen.judging.row import NUM_SHOWN, picture_features
from pairgen.judging.samples import open_held_out
from pairgen.kinds.image_model import check_image_model, load_image_model, recipe_of
from pairgen.kinds.image_pairs import ImagePairs, check_members, read_image_pairs
from pairgen.kinds.image_sampling import ImageSampling, read_image_sampling
from pairgen.kinds.image_student import ImageModel
from pairgen.kinds.ode.pairs import TORCH_DTYPES
from pairgen.kinds.usual_dtype import usual_dtype
from pairgen.model_config import defaults_of
from pairgen.option_names import option_text
from pairgen.shards.loading.training_set import OpenSet
from pairgen.teachers.base import Description, Teacher
from pairgen.types import Plan


def compare_from_images(
    config: CompareConfig, given: Collection[str], asked: Sequence[Asked], plan: Plan
) -> Comparison:
    """Check models from images against pairs, and plan their rows.

    Raises:
        ConfigError: A model does not fit the pairs or the other models, or was trained on them.
        CorruptShardError: A shard of the pairs is damaged.
    """
    url = config.data
    if "teacher_steps" in given and config.teacher_steps:
        raise ConfigError(
            f"{option_text('teacher_steps')} must be left out: {url} holds images, which no "
            "teacher makes."
        )
    checked = []
    for each in asked:
        judged = each.judged
        with naming(judged.path):
            if judged.model.image is None:
                raise ConfigError(
                    f"{judged.path} makes images from text, the pairs of {url} are of images."
                )
            notes = seen_notes(judged, plan, url, config.allow_training_data)
            checked.append((each, notes, check_image_model(judged.model)))
    task = one_task(asked)
    if task["kind"] != RESTORATION and "protocol" in given:
        raise ConfigError(
            f"{option_text('protocol')} must be left out: the targets of a {task['kind']} model "
            "are some of many images that fit their conditions, so it has no PSNR."
        )
    # Also what only annotations have.
    wanted = {name for each in asked for name in recipe_of(each.judged.model).members}
    samples = open_held_out(url, config.where, config.num_samples, wanted)
    for each in asked:
        with naming(each.judged.path):
            check_members(samples.found, recipe_of(each.judged.model))
    first = recipe_of(asked[0].judged.model)
    pairs = read_image_pairs(samples.found, first, samples.num)
    table = _Table(config, plan, samples.found, pairs, first)
    rows = [table.target()]
    rows += [table.given()] if first.kind == RESTORATION else []
    rows += [table.of_model(*each) for each in checked]
    return Comparison(
        bench={
            "from": "images",
            **bench_facts(config, plan, pairs.keys),
            **annotation_facts(samples.found, (first.source, first.mask, first.target)),
            "task": task,
            "protocol": table.protocol.label if table.protocol else "",
            "iqa": table.iqa,
        },
        shared=table.shared(task, samples.num_available),
        rows=tuple(rows),
        num_pairs=len(pairs),
        cpu_threads=table.cpu_threads,
    )


class _Table:
    """The rows of a table, which share what is loaded and computed once, when a row needs it."""

    def __init__(
        self,
        config: CompareConfig,
        plan: Plan,
        found: OpenSet,
        pairs: ImagePairs,
        recipe: ImageRecipe,
    ) -> None:
        self.config, self.plan, self.found = config, plan, found
        self.pairs, self.recipe = pairs, recipe
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.cpu_threads = config.cpu_threads or plan.execution["cpu_threads"]
        self.protocol = PROTOCOLS[config.protocol] if recipe.kind == RESTORATION else None
        self.real = find_real(config.real_statistics)
        self.metrics: tuple[IqaMetric, ...] = ()
        self.iqa: dict[str, Any] | None = None
        if config.iqa:
            version, self.metrics = load_iqa(config.iqa, self.device)
            self.iqa = iqa_facts(version, self.metrics)
        self._loaded: tuple[str, ImageModel, Teacher] | None = None

    @cached_property
    def bench(self) -> Bench:
        judge = load_judge()
        return Bench(
            judge=judge,
            targets=self.pairs.targets,
            reference=picture_features(judge, self.pairs.targets),
            protocol=self.protocol,
            scale=self.recipe.scale,
            metrics=self.metrics,
            agreement=find_agreement(self.found, self.recipe, self.pairs),
            real=self.real,
        )

    def shared(self, task: Mapping[str, Any], num_available: int) -> dict[str, Any]:
        """Return what is told of all rows."""
        config, num = self.config, len(self.pairs)
        return {
            "data": data_facts(self.plan, num, num_available, config.data, config.where),
            "judge_version": JUDGE_VERSION,
            "recipe": dict(task),
            "protocol": self.protocol.facts() if self.protocol else None,
            "iqa": self.iqa,
            "real": real_facts(config.real_statistics, self.real, num),
            "captions": list(captions_of(self.pairs)),
            "keys": list(self.pairs.keys[:NUM_SHOWN]),
            "places": list(range(min(len(self.pairs), NUM_SHOWN))),
        }

    def target(self) -> Planned:
        return self._reference(TARGET, lambda: measure(self.bench, TARGET, self.pairs.targets))

    def given(self) -> Planned:
        name = given_name(self.recipe.scale)
        return self._reference(name, lambda: measure_given(self.bench, self.pairs.given))

    def of_model(self, asked: Asked, notes: Sequence[str], described: Description) -> Planned:
        judged, model = asked.judged, asked.judged.model
        sampling = read_image_sampling(model.sampling, model.name)
        defaults = defaults_of(model)
        batch_size = self.config.batch_size or defaults.batch_size
        identity = {
            "model": dict(described.identity),
            "decoder": decoder_identity(judged),
            "dtype": usual_dtype(defaults.dtype),
            "recipe": asdict(recipe_of(model)),
            **annotation_facts(self.found, [recipe_of(model).prompts]),
            "sampling": asdict(sampling),
            "batch_size": batch_size,
            "cpu_threads": self.cpu_threads,
        }

        def measured(advance: Advance) -> Found:
            found = self._made(asked, sampling, batch_size, advance)
            check_unchanged(judged, identity)
            return found

        return Planned(
            slot=slot_of(model.name, asked.place, sampling.steps),
            role=MODEL,
            name=judged.path,
            steps=sampling.steps,
            identity=identity,
            facts=model_facts(asked, notes),
            evaluations=sampling.evaluations(described.schedule),
            measure=measured,
        )

    def _reference(self, name: str, measured: Callable[[], Measured]) -> Planned:
        return Planned(
            slot=slot_of(name),
            role=REFERENCE,
            name=name,
            identity={"kind": name, "cpu_threads": self.cpu_threads},
            measure=lambda _: self._found(measured(), 0),
        )

    def _made(
        self, asked: Asked, sampling: ImageSampling, batch_size: int, advance: Advance
    ) -> Found:
        model, teacher = self._load(asked)
        model = replace(model, sampling=sampling)
        num_done = 0

        def reached(num: int) -> None:
            nonlocal num_done
            advance((num - num_done) * model.evaluations)
            num_done = num

        pairs = self._pairs_of(recipe_of(asked.judged.model))
        made = make_pictures(model, teacher, pairs, batch_size, reached)
        return self._found(measure(self.bench, asked.judged.kind, made.pictures, made), batch_size)

    def _load(self, asked: Asked) -> tuple[ImageModel, Teacher]:
        """Load a model; the one loaded last stays, for rows of other steps."""
        if self._loaded is None or self._loaded[0] != asked.place:
            # Free its memory before the next one is loaded.
            self._loaded = None
            model = asked.judged.model
            dtype = TORCH_DTYPES[usual_dtype(defaults_of(model).dtype)]
            self._loaded = (asked.place, *load_image_model(model, dtype, self.device))
        return self._loaded[1:]

    def _pairs_of(self, recipe: ImageRecipe) -> ImagePairs:
        """Return the pairs with the prompts of a model."""
        if (recipe.prompts, recipe.prompt) == (self.recipe.prompts, self.recipe.prompt):
            return self.pairs
        return read_image_pairs(self.found, recipe, len(self.pairs))

    def _found(self, measured: Measured, batch_size: int) -> Found:
        figures = row_figures(self.bench, measured)
        shown = slice(NUM_SHOWN)
        pictures = {PICTURES: measured.pictures[shown]}
        if measured.name == TARGET:
            pictures[GIVEN] = given_pictures(self.pairs.given[shown], self.recipe.scale)
        return Found(
            figures=figures.values,
            missing=figures.missing,
            doubtful=doubtful_figures(
                self.bench, self.pairs, figures.values.keys() - figures.missing
            ),
            scores=measured.scores,
            features=measured.features,
            pictures=pictures,
            machine=machine_facts(self.device, batch_size),
        )
