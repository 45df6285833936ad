"""How numbers and names stand in what a user reads."""

import shlex
from collections.abc import Sequence

# Stands in a command for pairs that only the user can name.
HELD_OUT = "HELD_OUT"

# Names in files whose words, taken apart, say less than these.
_LABELS = {
    "num_train_steps": "training steps",
    "weights_sha256": "weights SHA-256",
    "cpu_threads": "CPU threads",
    "jpeg": "JPEG",
    "webp": "WebP",
    "gaussian_noise": "Gaussian noise",
    "poisson_noise": "Poisson noise",
}


def counted(num: int, thing: str, things: str = "") -> str:
    """Return a number and what it counts: `1 shard`, `1,024 shards`.

    Args:
        num: The number.
        thing: Its singular.
        things: Its plural; the singular with an s if it is left out.
    """
    return f"{num:,} {thing if num == 1 else things or f'{thing}s'}"


def part_text(num: int, total: int, thing: str) -> str:
    """Return a part and the whole that it is of: `3 of 8 shards`, `1 of 1 shard`."""
    return f"{num:,} of {counted(total, thing)}"


def percent_text(share: float) -> str:
    """Return a share as a percentage of three digits: `37.5 %`."""
    return f"{100 * share:.3g} %"


def size_text(num_bytes: int) -> str:
    """Return a size in kB, where megabytes would be 0.0, in MB or, from a gigabyte on, in GB."""
    for unit, size, least in (("GB", 1e9, 1e9), ("MB", 1e6, 5e4)):
        if num_bytes >= least:
            return f"{num_bytes / size:,.1f} {unit}"
    return f"{num_bytes / 1e3:,.1f} kB"


def command_text(*words: object) -> str:
    """Return a command line as the next process takes it: words are quoted where they must be."""
    return shlex.join(str(word) for word in words)


def either(names: Sequence[str]) -> str:
    """Return names of which one will do: `png, jpg or webp`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def typed_text(value: object) -> str:
    """Return a value of an option as it is typed: `4` for 4.0, `3,8` for a list of both."""
    if isinstance(value, list | tuple) and not any(isinstance(v, list | dict) for v in value):
        return ",".join(map(typed_text, value)) or "''"
    if isinstance(value, float):
        # Not rounded: what differs must look so.
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value) or "''"


def label_text(name: str) -> str:
    """Return the name of a field as words: `batch size` for `batch_size`."""
    return _LABELS.get(name, name.removeprefix("num_").replace("_", " "))
