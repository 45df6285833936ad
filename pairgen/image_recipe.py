"""How a student makes images from images, as plain data: a section of its `model.yaml`."""

from dataclasses import dataclass

KINDS = ("restoration", "conditional")
STARTS = ("image", "noise")
POSTERIORS = ("mean", "sample")


@dataclass(frozen=True, kw_only=True)
class ImageRecipe:
    """What is done with a given image.

    Attributes:
        kind: `restoration` if the target shows the same as the given image, so that their distance
            says something; else `conditional`.
        source: Member that holds the given image in training and evaluation, such as `lr4.png`.
        target: Member that holds the image to make.
        scale: The made image is this many times as large as the given one, which is enlarged by
            `pairgen.sampling.enlarge` before it is encoded.
        start: State at the first time: the latent of the `image`, or `noise`.
        concat: Whether the latent of the image is also an input of the network beside the state.
        posterior: The latent of the image: `mean` or `sample` of the encoder's posterior.
        prompts: Member that holds the prompts; empty for `prompt`.
        prompt: The prompt of all images, unless the user gives another.
    """

    kind: str
    source: str
    target: str = "png"
    scale: int = 1
    start: str = "image"
    concat: bool = False
    posterior: str = "mean"
    prompts: str = ""
    prompt: str = ""
