"""The model card of a run: recipe, data, metrics, cost."""

from collections.abc import Mapping

import yaml

from pairgen.training.options import TrainConfig
from pairgen.training.runs.record import TrainRecord
from pairgen.training.runs.run_folder import plain_identity
from pairgen.visible import literal
from pairgen.wording import counted


def render_card(
    config: TrainConfig,
    model: str,
    model_license: str,
    record: TrainRecord,
    figures: Mapping[str, float],
    usage: str,
) -> str:
    """Return the README of a finished run.

    Args:
        config: The run's options.
        model: Name of the model that the student was initialized from.
        model_license: License of its weights; empty if it is not known.
        record: The run's data and cost.
        figures: Metrics of the last logged step.
        usage: What the student does, and how to run it, see `StudentKind.usage`.
    """
    sets = "\n".join(
        f"| {literal(each.url)} | {each.num_samples:,} | `{each.fingerprint[:16]}` | "
        f"{each.evaluations:,} | {each.seconds:,.0f} |"
        for each in record.sets
    )
    steps = counted(record.steps, "step")
    logged = "\n".join(f"| {literal(name)} | {value:.6g} |" for name, value in figures.items())
    files = "".join(
        f"\nThe file of `{k}` has the SHA-256 `{v}`.\n" for k, v in record.files.items()
    )
    recipe = yaml.safe_dump(
        {**plain_identity(config), "steps": record.steps}, sort_keys=False, allow_unicode=True
    )
    front = {
        "library_name": "diffusers",
        "tags": ["pairgen", "distillation", config.method],
        "base_model": model,
    }
    return f"""---
{yaml.safe_dump(front, sort_keys=False)}---

# {literal(f"{config.method} student of {model}")}

{usage}
## Data

| dataset | samples | fingerprint | evaluations | seconds |
|---|---|---|---|---|
{sets}
{files}
## Licenses

{_licenses(model, model_license, record)}

## Training

{steps} of {record.batch_size:,} samples on {record.num_processes} x {record.device}:
{record.seconds:,.0f} s.

| metric at the last logged step | value |
|---|---|
{logged}

## Recipe

```yaml
{recipe}```
"""


def _licenses(model: str, model_license: str, record: TrainRecord) -> str:
    """Return what is known of the licenses of all that the student was made of."""
    base = (
        f"has the license {literal(model_license)}"
        if model_license
        else "has a license not known here"
    )
    others = ["the images and texts of the datasets", *(f"the file of `{k}`" for k in record.files)]
    return (
        f"The model {literal(model)}, from which the weights come, {base}. Not recorded, and yours "
        f"to check: the licenses of {' and of '.join(others)}."
    )
