"""How the images of a row agree with their conditions, where that can be computed from an image.

Edges are found again by the annotator that found those of the condition, with its options in the
overlay's plan. Of a picture that was painted in part, only that part is compared: the rest was
given. Other conditions (depth, poses) would take their own networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairgen.annotators import canny
from pairgen.evaluation.conditions import edge_f1, painted_error
from pairgen.image_recipe import ImageRecipe
from pairgen.kinds.image_pairs import HALF, ImagePairs
from pairgen.sampling.condition import RGB
from pairgen.shards.loading.training_set import OpenSet

EDGE_F1, PAINTED_ERROR = AGREEMENTS = ("edge_f1", "painted_error")
# Of `pairgen.annotators`.
CANNY = "canny"


@dataclass(frozen=True)
class Agreement:
    """What the images of every row are compared to.

    Attributes:
        edges: Edge pixels of the conditions, [N, H, W]; None if they are no edges.
        options: How these were found.
        painted: Whether a pixel was to be painted, [N, H, W]; None if nothing was.
    """

    edges: NDArray[np.bool_] | None = None
    options: canny.CannyOptions | None = None
    painted: NDArray[np.bool_] | None = None

    def scores(
        self, pictures: NDArray[np.uint8], targets: NDArray[np.uint8]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the figures of each image by name, [N] each.

        Args:
            pictures: The images, [N, H, W, 3].
            targets: Their targets, [N, H, W, 3].
        """
        found = {}
        if self.edges is not None and self.options is not None:
            edges = [canny.edges(picture, self.options)[..., 0] > HALF for picture in pictures]
            found[EDGE_F1] = edge_f1(np.stack(edges), self.edges)
        if self.painted is not None:
            found[PAINTED_ERROR] = painted_error(pictures, targets, self.painted)
        return found

    def facts(self) -> dict[str, Any] | None:
        """Return how edges are found, for eval.json; None if there are none."""
        return None if self.options is None else {"annotator": CANNY, **self.options.plain()}


def find_agreement(found: OpenSet, recipe: ImageRecipe, pairs: ImagePairs) -> Agreement:
    """Return what images can be compared to.

    Args:
        found: The dataset.
        recipe: What the student does.
        pairs: The given images and the targets.

    Raises:
        ConfigError: The plan of the edges has options that no such annotator has.
    """
    if recipe.mask:
        return Agreement(painted=pairs.given[..., RGB] > HALF)
    options = _edge_options(found, recipe.source)
    if options is None or pairs.given.shape[1:3] != pairs.targets.shape[1:3]:
        return Agreement()
    return Agreement(edges=pairs.given[..., 0] > HALF, options=options)


def _edge_options(found: OpenSet, member: str) -> canny.CannyOptions | None:
    """Return the options by which the edges in a member were found; None for another member."""
    layer = found.layer_of(member)
    made_by: Mapping[str, Any] = {} if layer is None else layer.plan.recipe
    if made_by.get("annotator") != CANNY:
        return None
    return canny.CannyOptions(**made_by["options"])
