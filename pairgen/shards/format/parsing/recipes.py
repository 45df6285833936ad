"""The types of what a recipe says, by kind of set."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pairgen.config import choice
from pairgen.sampling.names import ENDS, SOLVER_NAMES, check_spacing
from pairgen.untrusted.typed import IntOrFloat

Side = Annotated[int, Field(ge=1, le=2**16)]
Level = Annotated[int, Field(ge=1, le=64)]


class Part(BaseModel):
    """A part of a plan; what else it holds is let through."""

    model_config = ConfigDict(strict=True, extra="allow")


def _one_of(*known: str) -> AfterValidator:
    return AfterValidator(lambda value: choice("it", value, known))


class OdeRecipe(Part):
    """How `ode` makes samples."""

    guidance_scales: Annotated[list[IntOrFloat], Field(min_length=1, max_length=1000)]
    noise_generator: str
    noise: Annotated[str, _one_of("stored", "seed")]
    stored_dtype: Annotated[str, _one_of("float16", "float32", "float64")]
    solver: Annotated[str, _one_of(*SOLVER_NAMES)]
    spacing: Annotated[str, AfterValidator(check_spacing)]
    steps: Annotated[int, Field(ge=1, le=10**6)]
    end: Annotated[str, _one_of(*ENDS)]
    negative_prompt: str
    trajectory: Annotated[list[IntOrFloat], Field(max_length=10**4)]
    store_embeddings: bool = False
    steps_offset: Annotated[int, Field(ge=-(10**6), le=10**6)] = 0


class Painted(Part):
    """Which painted pictures a set shows."""

    split: str


class ImageRecipe(Part):
    """What `degrade` and `collect` have in common."""

    generator: str
    painted: Painted | None = None
    samples_per_image: Annotated[int, Field(ge=0, le=10**9)] = 0
    min_sharpness: IntOrFloat = 0.0
    caption_choice: str = ""


class DegradeRecipe(ImageRecipe):
    """How `degrade` makes samples."""

    degradation: str
    operations: dict[str, Any]
    levels: Annotated[list[Level], Field(max_length=64)]
    crop: Side
    crops: str
    hr_format: str
    pixel_path: str = ""


class CollectRecipe(ImageRecipe):
    """How `collect` makes samples."""

    layout: Annotated[str, _one_of("images", "pairs", "edits")]
    size: Side
    scale: Level = 1
    crop: str
    format: str
    enlarge: bool | str = False
    flip: bool | IntOrFloat = False
    min_size: Annotated[int, Field(ge=0, le=2**31)] = 0
    buckets: Annotated[list[list[Side]], Field(max_length=10**4)] = []


class OverlayRecipe(Part):
    """How an overlay makes what it adds."""

    parent: str
    distinct: str = ""
    annotator: str = ""
    maker: str = ""
    options: dict[str, Any] = {}
    identity: dict[str, Any] = {}


RECIPES: dict[str, type[Part]] = {
    "ode": OdeRecipe,
    "degrade": DegradeRecipe,
    "collect": CollectRecipe,
    "overlay": OverlayRecipe,
}
