"""The shapes in which several datasets hold the fields of a training."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairgen.errors import ConfigError
from pairgen.shards.format.image_member import is_image
from pairgen.shards.format.subsets import BUCKETS
from pairgen.shards.loading.framing import Framing
from pairgen.shards.loading.order import Order
from pairgen.shards.loading.training_set import OpenSet

# Field to dtype and shape; {} for text.
Specs = Mapping[str, Mapping[str, Any]]
log = logging.getLogger("pairgen")


@dataclass(frozen=True)
class Shapes:
    """What the samples of each dataset look like.

    Attributes:
        specs: The different specifications of a batch's fields.
        of_sets: Which of them each dataset has.
    """

    specs: tuple[Specs, ...]
    of_sets: tuple[int, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Fields that are text, in every shape."""
        return tuple(name for name, spec in self.specs[0].items() if not spec)

    def identities(self) -> list[dict[str, int]]:
        """Return what of this must be unchanged when a training resumes, of each dataset."""
        several = len(self.specs) > 1
        return [{"shape": shape} if several else {} for shape in self.of_sets]

    def arrays(self) -> list[Specs]:
        """Return the fields that are arrays or images, of each shape."""
        return [{name: spec for name, spec in specs.items() if spec} for specs in self.specs]


def find_shapes(sets: Sequence[OpenSet], fields: Sequence[str], framing: Framing) -> Shapes:
    """Return the shapes of the fields.

    Buckets are made to be mixed: batches of different shapes follow each other. Any other dataset
    must have the shape of one of them or, without any, that of the first dataset.

    Raises:
        ConfigError: A dataset has no such field, or two datasets do not go together.
    """
    if not fields:
        raise ConfigError("fields must name at least one member, such as 'latent.npy'.")
    found = [
        {field: framing.spec(number, field, each.spec(field)) for field in fields}
        for number, each in enumerate(sets)
    ]
    buckets = [number for number, each in enumerate(sets) if BUCKETS in each.base.plan.recipe]
    model = buckets[0] if buckets else 0
    for number, specs in enumerate(found):
        is_free = any(specs == found[each] for each in buckets)
        for field, spec in specs.items():
            pair = spec, found[model][field]
            one, other = (_without_sides(field, each) for each in pair) if is_free else pair
            if one != other:
                raise ConfigError(
                    f"{field} is {shown(found[model][field])} in {sets[model].url} "
                    f"but {shown(spec)} in {sets[number].url}."
                )
    different: list[Specs] = []
    for specs in found:
        if specs not in different:
            different.append(specs)
    return Shapes(tuple(different), tuple(different.index(specs) for specs in found))


def say_unread(order: Order, sets: Sequence[OpenSet]) -> None:
    """Log the datasets that are too small for any batch of their shape."""
    for number in order.unread():
        log.warning(
            "%s is not read: it fills no batch of %s samples (%s here) over all ranks.",
            sets[number].url,
            f"{order.batch_size * order.num_parts:,}",
            f"{sum(order.counts[number]):,}",
        )


def shown(spec: Mapping[str, Any]) -> str:
    """Return dtype and shape of a field for a message."""
    return f"{spec['dtype']} {list(spec['shape'])}" if spec else "text"


def _without_sides(field: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what all shapes of a field have in common: all but height and width."""
    shape = spec.get("shape", ())
    if len(shape) != 3:
        return spec
    # Images are [H, W, C], latents and moments [C, H, W].
    return {**spec, "shape": list(shape[2:] if is_image(field) else shape[:1])}
