"""Resolve the options of an ODE dataset into its plan."""

from collections.abc import Sequence
from typing import Any

from pairgen.errors import ConfigError
from pairgen.kinds.ode.conditioning import check_conditioning
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.usual_dtype import usual_dtype
from pairgen.model_config import ModelConfig, RunDefaults, defaults_of
from pairgen.option_names import option_text
from pairgen.sampling.grid import make_grid
from pairgen.sampling.parameterization import FlowSchedule, Schedule
from pairgen.seeding import NOISE_GENERATOR
from pairgen.sources.prompt_choice import Choice
from pairgen.sources.prompts import PromptSummary
from pairgen.teachers.base import Description
from pairgen.types import Plan
from pairgen.wording import counted

# Latents of latent-diffusion teachers are of order 1, so half precision keeps 3 digits of them; for
# pixels in [-1, 1] it has 16 or more steps per 8-bit level.
STORED_DTYPE = "float16"

FACT_KEYS = (
    "index",
    "pair_index",
    "group",
    "prompt_index",
    "seed",
    "noise_generator",
    "noise_crc32",
    "guidance_scale",
    "prompt_truncated",
    "float32_retry",
)


def make_ode_plan(
    config: OdeConfig,
    model: ModelConfig,
    description: Description,
    source: dict[str, Any],
) -> Plan:
    """Return the plan of an ODE run.

    Args:
        config: The checked options.
        model: The model that `--model` resolved to.
        description: Description of its teacher.
        source: The return value of `prompt_source`.

    Raises:
        ConfigError: A number is not a multiple of the number of guidance scales, a time lies
            outside the grid, or the teacher cannot be conditioned as the options ask.
    """
    check_conditioning(config, model, description)
    usual = model_numbers(model, description, config.cfg)
    num_guidances = len(config.cfg)
    num_samples = config.num_samples or source["num_inputs"] * num_guidances
    samples_per_shard = config.samples_per_shard or usual["samples_per_shard"]
    for name, count in (("num_samples", num_samples), ("samples_per_shard", samples_per_shard)):
        if count % num_guidances:
            raise ConfigError(
                f"{option_text(name)} must be a multiple of the {num_guidances} guidance scales, "
                f"got {count:,}."
            )
    grid = make_grid(
        description.schedule, config.spacing, config.steps, config.end, config.trajectory
    )
    is_flow = isinstance(description.schedule, FlowSchedule)
    if is_flow and grid.alphas[0] == 0 and config.solver != "ddim":
        raise ConfigError(
            f"{option_text('solver')} must be ddim for a flow, which starts where alpha is 0, got "
            f"{config.solver!r}."
        )
    recipe = {
        "solver": config.solver,
        "spacing": config.spacing,
        "steps": config.steps,
        "end": config.end,
        "guidance_scales": list(config.cfg),
        "negative_prompt": config.negative_prompt,
        "trajectory": list(config.trajectory),
        "noise": config.noise,
        "noise_generator": NOISE_GENERATOR,
        "stored_dtype": STORED_DTYPE,
        "store_embeddings": config.store_embeddings,
        **_offset(config, description.schedule),
    }
    options = dict(model.options)
    if revision := description.identity.get("commit", config.revision):
        # Branches move: every worker and every later run must load the current commit.
        options["revision"] = revision
    execution = {
        "batch_size": config.batch_size or usual["batch_size"],
        "dtype": config.dtype or usual["dtype"],
        "cpu_threads": config.cpu_threads,
        "compile": config.compile,
    }
    remembered = {
        **config.remembered(),
        **execution,
        # A model folder is remembered by its absolute path, which holds in any working directory.
        "model": config.model if model.defaults else description.location,
        **({"lora": model.options["lora"]} if config.lora else {}),
        "num_samples": num_samples,
        "samples_per_shard": samples_per_shard,
    }
    return Plan(
        kind="ode",
        seed=config.seed,
        num_samples=num_samples,
        samples_per_shard=samples_per_shard,
        source=source,
        teacher={
            "name": model.name,
            "module": model.teacher,
            "location": description.location,
            "options": options,
            "identity": dict(description.identity),
        },
        recipe=recipe,
        members=_members(config, description),
        execution=execution,
        resolved={
            "times": list(grid.times),
            "num_transitions": grid.num_steps,
            "options": remembered,
        },
    )


def _offset(config: OdeConfig, schedule: Schedule) -> dict[str, int]:
    """Return what the times of `leading` are moved by; nothing for 1, the offset of most."""
    counts = config.spacing == "leading" and schedule.steps_offset != 1
    return {"steps_offset": schedule.steps_offset} if counts else {}


def model_numbers(
    model: ModelConfig,
    description: Description,
    guidance_scales: Sequence[float],
    on_cluster: bool = False,
) -> dict[str, Any]:
    """Return a model's defaults of dtype, batch_size and samples_per_shard.

    The default number of samples per shard is rounded to whole groups; a number that the user gives
    is not.
    """
    usual = _usual(model, description)
    group = len(guidance_scales)
    return {
        "dtype": usual_dtype(usual.dtype, on_cluster),
        "batch_size": usual.batch_size,
        "samples_per_shard": max(group, usual.samples_per_shard // group * group),
    }


def own_dtype(model: ModelConfig, description: Description) -> str:
    """Return the dtype that a model's file names for GPUs."""
    return _usual(model, description).dtype


def _usual(model: ModelConfig, description: Description) -> RunDefaults:
    return defaults_of(model, str(description.identity.get("pipeline", "")))


def prompt_source(name: str, summary: PromptSummary, choice: Choice) -> dict[str, Any]:
    """Return a plan's `source` for prompts that were read."""
    return {
        "name": name,
        "sha256": summary.sha256,
        "num_inputs": summary.num_accepted,
        "num_blank": summary.num_blank,
        "num_rejected": summary.num_rejected,
        "num_duplicates": summary.num_duplicates,
        "num_left_out": summary.num_left_out,
        "dedupe": choice.dedupe,
        "shuffle": choice.shuffle,
        "limit": choice.limit,
    }


def prompt_counts(summary: PromptSummary) -> str:
    """Return a sentence about the entries that are not in the dataset."""
    return (
        f"{counted(summary.num_blank, 'blank line')} skipped, {summary.num_rejected:,} rejected"
        + f", {counted(summary.num_duplicates, 'duplicate')}" * bool(summary.num_duplicates)
        + f", {summary.num_left_out:,} beyond the limit" * bool(summary.num_left_out)
        + "."
    )


def _members(config: OdeConfig, description: Description) -> dict[str, Any]:
    """Return the members of every sample: a mapping from extension to dtype and shape."""
    shape = list(description.latent_shape)
    array = {"dtype": STORED_DTYPE, "shape": shape}
    members: dict[str, Any] = {"txt": {}, "json": {"keys": sorted(FACT_KEYS)}, "latent.npy": array}
    if config.noise == "stored":
        members["noise.npy"] = dict(array)
    if config.trajectory:
        members["path.npy"] = {
            "dtype": STORED_DTYPE,
            "shape": [len(config.trajectory), *shape],
        }
    if config.store_embeddings:
        for name, embedding_shape in description.embedding_shapes.items():
            members[f"{name}.npy"] = {"dtype": "float16", "shape": list(embedding_shape)}
    if description.labels is not None:
        members["cls"] = description.labels.to_dict()
    return members
