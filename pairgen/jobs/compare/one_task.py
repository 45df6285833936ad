"""What models from images make of what: the same for all models of a comparison."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pairgen.errors import ConfigError
from pairgen.image_recipe import ImageRecipe
from pairgen.jobs.compare.asked import Asked
from pairgen.kinds.image_model import recipe_of

# How an image is made of another: models may differ in these.
HOW = ("start", "concat", "branch", "posterior", "prompts", "prompt")


def one_task(asked: Sequence[Asked]) -> dict[str, Any]:
    """Return what is made of what, which must be the same for all models.

    Raises:
        ConfigError: Two models make something else.
    """
    tasks = [_task_of(recipe_of(each.judged.model)) for each in asked]
    for each, task in zip(asked, tasks, strict=True):
        different = [
            f"{name} is {task[name]!r}, not {value!r}"
            for name, value in tasks[0].items()
            if task[name] != value
        ]
        if different:
            raise ConfigError(
                f"{each.judged.path} does not do what {asked[0].judged.path} does, so their "
                f"figures are not comparable: its {', its '.join(different)}."
            )
    return tasks[0]


def _task_of(recipe: ImageRecipe) -> dict[str, Any]:
    return {name: value for name, value in asdict(recipe).items() if name not in HOW}
