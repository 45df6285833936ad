"""The README of a finished run."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pairgen.training.options import TrainConfig
from pairgen.training.runs.run_folder import plain_identity
from pairgen.visible import literal
from pairgen.wording import command_text


def next_command(data: Sequence[str], file: str) -> str:
    """Return the command that trains a student with the weights of a run.

    Args:
        data: Datasets of the run.
        file: Path of the weights.
    """
    sets = [word for url in data for word in ("--data", url)]
    return command_text("pairgen", "train", "diffusion2gan", *sets, "--set", f"perceptual={file}")


def render_card(
    config: TrainConfig, model: str, sets: Sequence[str], file: str, figures: Mapping[str, Any]
) -> str:
    """Return the README of a finished run.

    Args:
        config: The run's config.
        model: Name of the model whose latents, or images, are compared.
        sets: Fingerprint of each dataset, in order.
        file: Name of the weights file.
        figures: Figures, as in `figures.json`.
    """
    scores, before, after = figures["classification"], figures["before"], figures["after"]
    rows = "\n".join(
        f"| {name} | {before[name]:.1%} | {value:.1%} |" for name, value in after.items()
    )
    data = "\n".join(
        f"| {literal(url)} | `{fingerprint[:16]}` |"
        for url, fingerprint in zip(config.data, sets, strict=True)
    )
    recipe = yaml.safe_dump(
        {**plain_identity(config), "steps": config.steps}, sort_keys=False, allow_unicode=True
    )
    return f"""# LPIPS of {literal(model)}

`{file}` measures how different two {figures["space"]}s of {model} look: a VGG of width
{figures["width"]:g} that was trained to classify them, and channel weights that were trained on
judged triplets. Made by `pairgen train latent-lpips`.

```
{next_command(config.data, file)}
```

```python
import torch
from pairgen.networks.lpips_file import load_lpips

lpips = load_lpips("{file}", in_channels={figures["in_channels"]}, device=torch.device("cpu"))
distances = lpips(x0, x1)  # [B]; two unrelated samples are 1 apart on average
```

| data | fingerprint |
|---|---|
{data}

## Classification

{scores["num_classes"]:,} classes, {scores["num_samples"]:,} samples. Of {scores["held_out"]:,}
held-out samples, {scores["top_1"]:.1%} are classified correctly; always predicting the most
frequent class would get {scores["chance"]:.1%}.

## Agreement with judgements

Triplets: {figures["triplets"]}. On {figures["held_out_triplets"]:,} held-out triplets:

| triplets | before calibration | after |
|---|---|---|
{rows}

## Recipe

```yaml
{recipe}```
"""
