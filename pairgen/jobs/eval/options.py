"""The options of `pairgen eval`: one name in the flag, the config file and the Python call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.run_options import MAX_CPU_THREADS

USUAL_NUM_SAMPLES = 512


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Every option of `pairgen eval`, checked.

    Attributes:
        run: Folder of a `pairgen train`, or any model.
        data: Folder or URL of pairs that the student was not trained on.
        num_samples: The first so many are looked at, 1 or more; by default (0) 512, or all where
            there are fewer.
        teacher_steps: Steps at which the teacher of the pairs is measured too.
        real_statistics: File of `save_real_pictures`, of real pictures of such prompts; empty for
            none.
        out: Folder of what is found; empty for `RUN/eval`.
        batch_size: Of the networks; 0 for that of the pairs.
        where: Condition over columns of the index of the pairs.
        allow_training_data: Judge a student by what it was trained on.
        cpu_threads: Threads of torch; 0 for those of the pairs.
    """

    run: str
    data: str
    num_samples: int = 0
    teacher_steps: tuple[int, ...] = (1, 2, 4, 50)
    real_statistics: str = ""
    out: str = ""
    batch_size: int = 0
    where: str = ""
    allow_training_data: bool = False
    cpu_threads: int = 0


def make_eval_config(options: Mapping[str, Any]) -> EvalConfig:
    """Check options from a command line, a file or a call.

    Raises:
        ConfigError: A name is unknown or missing, or a value is not allowed.
    """
    config.check_keys(options, config.field_names(EvalConfig), "the options of pairgen eval")
    for name, example in (("run", "runs/student"), ("data", "held-out")):
        if not options.get(name):
            raise ConfigError(f"{name} must be given, such as {example}.")
    return EvalConfig(**{name: _check(name, value) for name, value in options.items()})


def _check(name: str, value: Any) -> Any:
    match name:
        case "num_samples":
            return config.integer(name, value, 1)
        case "batch_size":
            return config.integer(name, value, 0)
        case "cpu_threads":
            return config.integer(name, value, 0, MAX_CPU_THREADS)
        case "teacher_steps":
            return _steps(value)
        case "allow_training_data":
            return config.boolean(name, value)
        case _:
            return config.text(name, value)


def _steps(value: Any) -> tuple[int, ...]:
    """Return a list, a number, or text such as `1,2,4` as step counts."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    entries = value if isinstance(value, list | tuple) else [value]
    steps = tuple(config.integer("teacher_steps", entry, 1) for entry in entries)
    if len(set(steps)) < len(steps):
        raise ConfigError(f"teacher_steps holds a value twice: {', '.join(map(str, steps))}.")
    return steps
