"""Compare the tensors of weight files with the network that their config describes.

Only the headers are read, and the network is built without memory (on torch's `meta` device): what
does not fit is told before anything is written.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from pairgen.errors import TeacherLoadError, short
from pairgen.teachers._pretrained.files import Snapshot
from pairgen.teachers._pretrained.folders.weights import Weights, fetch_weights, tell
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.wording import counted

Shapes = Mapping[str, tuple[int, ...]]
# Numbers of places, which older versions of transformers stored and newer ones count.
COUNTED = "position_ids"
# Of a text encoder's tensors, in some versions of transformers.
TEXT_PREFIX = "text_model."
MAX_NAMED = 3


def check_tensors(snapshot: Snapshot, stem: str, variant: str, cls: Any) -> None:
    """Check the tensors of a network in a local folder; tell of those that are of none.

    Args:
        snapshot: The model; nothing is checked where its weights may not be here yet.
        stem: Stem of the weights, see `fetch_weights`.
        variant: Variant of the weights.
        cls: The network's class.

    Raises:
        TeacherLoadError: The config describes no network, a file is broken, or a tensor is missing
            or has another shape.
    """
    if snapshot.commit:
        return
    (weights,) = fetch_weights(snapshot, [stem], variant).values()
    files = [weights.folder / "config.json", *weights.files]
    stamps = tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    _check(snapshot.location, weights, cls, stamps)


@lru_cache(maxsize=64)
def _check(location: str, weights: Weights, cls: Any, stamps: Any) -> None:
    """Check tensors once for the same files."""
    del stamps
    expected, present = refuse_unfit(location, weights, cls)
    if missing := sorted(expected.keys() - present):
        raise TeacherLoadError(incomplete(weights, missing))
    tell_unknown(weights, present.keys() - expected.keys())


def refuse_unfit(location: str, weights: Weights, cls: Any) -> tuple[Shapes, Shapes]:
    """Refuse tensors whose shapes are not those of the network that the config describes.

    Args:
        location: What the sentence names.
        weights: The files.
        cls: The network's class.

    Returns:
        The shapes by the config, and those in the files.

    Raises:
        TeacherLoadError: The config describes no network, a file is broken, or a shape does not
            fit.
    """
    config = f"{weights.stem.rpartition('/')[0]}/config.json".lstrip("/")
    try:
        with quiet(), torch.device("meta"):
            network = network_on_meta(cls, weights.folder)
    except Exception as error:
        raise TeacherLoadError(
            f"{location}: {config} describes no {cls.__name__}: {short(str(error))}."
        ) from None
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    present = _renamed(network, _headers(weights), expected)
    unfit = sorted(name for name in expected.keys() & present if present[name] != expected[name])
    if unfit:
        name = unfit[0]
        more = f", and {len(unfit) - 1} more" if len(unfit) > 1 else ""
        raise TeacherLoadError(
            f"{location}: {name} in {weights.stem}.safetensors is {list(present[name])}, but "
            f"{list(expected[name])} by {config}{more}."
        )
    return expected, present


def incomplete(weights: Weights, missing: list[str]) -> str:
    """Return a sentence on tensors that the files lack."""
    return (
        f"The weights in {weights.folder} are incomplete: "
        f"{counted(len(missing), 'tensor is', 'tensors are')} missing, "
        f"including {missing[0]}."
    )


def tell_unknown(weights: Weights, names: Iterable[str]) -> None:
    """Tell of tensors that no part of the network has.

    They are left out with a line, as diffusers does: what its pipeline computes is unchanged.
    """
    unknown = sorted(name for name in names if not name.endswith(COUNTED))
    if unknown:
        more = ", ..." if len(unknown) > MAX_NAMED else ""
        tell(
            f"{weights.folder}: {counted(len(unknown), 'tensor is', 'tensors are')} not of the "
            "network in its config.json, "
            f"and are left out: {', '.join(unknown[:MAX_NAMED])}{more}."
        )


def network_on_meta(cls: Any, folder: Path) -> Any:
    """Build the network that a config describes, without memory."""
    if hasattr(cls, "load_config"):
        return cls.from_config(cls.load_config(str(folder)))
    return cls(cls.config_class.from_pretrained(str(folder), local_files_only=True))


def _headers(weights: Weights) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors in the files.

    Raises:
        TeacherLoadError: A file is broken.
    """
    found = {}
    for part in weights.parts:
        try:
            with safe_open(part, "pt") as file:
                for name in file.keys():  # noqa: SIM118 - it is no mapping
                    found[name] = tuple(file.get_slice(name).get_shape())
        except Exception as error:
            raise TeacherLoadError(
                f"The weights in {weights.folder} cannot be loaded: {part.name}: "
                f"{short(str(error))}."
            ) from None
    return found


def _renamed(network: Any, present: Shapes, expected: Shapes) -> dict[str, tuple[int, ...]]:
    """Return the tensors of files by the names that the libraries load them under."""
    found = dict(present)
    if hasattr(network, "_fix_state_dict_keys_on_load"):
        # Attention of early VAEs, whose layers had other names.
        network._fix_state_dict_keys_on_load(found)
        return found
    # transformers moved the text encoder's tensors out of `text_model.`, and reads both.
    own = {name.removeprefix(TEXT_PREFIX): name for name in expected}
    return {own.get(name.removeprefix(TEXT_PREFIX), name): shape for name, shape in found.items()}
