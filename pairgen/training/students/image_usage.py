"""The paragraphs of an image student's card: what it does with an image, and how to run it."""

from pairgen.image_recipe import IMAGE, RESTORATION, SAMPLE, ImageRecipe
from pairgen.kinds.image_sampling import ImageSampling, read_image_sampling
from pairgen.methods.base import ImageStudent
from pairgen.model_config import MODEL_FILE
from pairgen.sampling.conditioning import MIXTURE
from pairgen.sampling.grid import Grid
from pairgen.sampling.parameterization import Prediction

# x0 and eps from the network's output, see `pairgen.sampling.parameterization.to_x0_eps`.
X0 = {
    "epsilon": "(x - {sigma} * output) / {alpha}",
    "v_prediction": "{alpha} * x - {sigma} * output",
    "sample": "output",
    "flow": "x - {sigma} * output",
}
EPS = {
    "epsilon": "output",
    "v_prediction": "{alpha} * output + {sigma} * x",
    "sample": "(x - {alpha} * output) / {sigma}",
    "flow": "x + {alpha} * output",
}


def usage_text(student: ImageStudent, module: str) -> str:
    """Return what a student does, its recipe in words, and code that runs it on one image.

    The code is for diffusers alone, so it is there for what a few lines can do: Stable Diffusion's
    classes with one text encoder, DDIM, no guidance.

    Args:
        student: The method's student.
        module: Name of its teacher's module.
    """
    recipe, denoiser = student.recipe, student.denoiser
    sampling = read_image_sampling(student.sampling, "the student")
    grid = sampling.grid(denoiser.schedule)
    text = f"{_what(student)}\n\n{_how(recipe, grid)}\n"
    if recipe.branch:
        return f"{text}\n{_branch(student)}\n"
    if not _runs_by_a_few_lines(student, sampling, module):
        return text
    code = _code(recipe, grid, denoiser.prediction)
    return f"{text}\nOne image by diffusers; `student/` is in its layout:\n\n```python\n{code}```\n"


def _what(student: ImageStudent) -> str:
    recipe, num = student.recipe, student.num_evaluations
    times = "1 evaluation" if num == 1 else f"{num} evaluations"
    if recipe.mask:
        does = f"paints the part of `{recipe.source}` of its data that `{recipe.mask}` marks"
    elif recipe.kind == RESTORATION:
        does = f"restores images like `{recipe.source}` of its data"
    else:
        does = f"makes images from a prompt and an image like `{recipe.source}` of its data"
    size = "of the same size" if recipe.scale == 1 else f"{recipe.scale} times as large"
    masks = " --masks MASKS" if recipe.mask else ""
    runs = f"\n`pairgen sample --model . --condition PICTURES{masks} --out OUT/` makes such images."
    if recipe.kind == RESTORATION and not recipe.mask:
        runs = "\n`pairgen restore --model . --images DIR --out OUT` restores pictures of any size."
    return (
        f"A student that {does}, trained with pairgen. The image that it makes is {size}, and "
        f"takes {times} of its network.\n"
        f"`pairgen eval . --data PAIRS` judges it on pairs that it has not seen.{runs}"
    )


def _how(recipe: ImageRecipe, grid: Grid) -> str:
    enlarged = "" if recipe.scale == 1 else "enlarged by bicubic interpolation and "
    latent = "a sample" if recipe.posterior == SAMPLE else "the mean"
    start = "at that latent" if recipe.start == IMAGE else "at noise"
    beside = ", which the network also takes beside the state" if recipe.concat else ""
    prompt = f"The prompt is {recipe.prompt!r}." if recipe.prompt else "The prompt is empty."
    if recipe.prompts:
        prompt = f"Each image has a prompt of its own (`{recipe.prompts}`)."
    times = ", ".join(f"{time:g}" for time in grid.times)
    encoded = f"encoded to {latent} of the posterior{beside}"
    if recipe.branch:
        known = ", without the part to paint and with its mask" if recipe.mask else ""
        encoded = f"shown to a condition branch beside the network{known}"
    return (
        f"The given image is {enlarged}{encoded}.\n"
        f"The ODE starts {start}; its times are {times}. {prompt}"
    )


def _branch(student: ImageStudent) -> str:
    """Return what the branch of a student is, and where."""
    where = f"The branch lies where `branch` in `{MODEL_FILE}` says, its network at `location`."
    if student.denoiser.branch.fusion == MIXTURE:
        return f"{where} It mixes features, so `pairgen` runs it and diffusers does not."
    return f"{where} It is a `ControlNetModel` of diffusers."


def _runs_by_a_few_lines(student: ImageStudent, sampling: ImageSampling, module: str) -> bool:
    vae = student.autoencoder.network
    return (
        module == "latent_diffusion"
        and getattr(student.denoiser.network.config, "addition_embed_type", None) is None
        and not student.denoiser.guidance_dim
        and vae is not None
        and not vae.config.shift_factor
        and sampling.solver == "ddim"
        and sampling.cfg == 1
    )


def _code(recipe: ImageRecipe, grid: Grid, prediction: Prediction) -> str:
    posterior = "sample(generator)" if recipe.posterior == SAMPLE else "mode()"
    noise = "torch.randn(latent.shape, generator=generator)"
    prompt = "a prompt" if recipe.prompts else recipe.prompt
    lines = [
        "import numpy as np",
        "import torch",
        "from diffusers import StableDiffusionPipeline",
        "from PIL import Image",
        "",
        'pipe = StableDiffusionPipeline.from_pretrained("student", safety_checker=None)',
        "unet, vae, scale = pipe.unet, pipe.vae, pipe.vae.config.scaling_factor",
        'image = torch.from_numpy(np.array(Image.open("given.png").convert("RGB"))) / 127.5 - 1',
        "image = image.permute(2, 0, 1)[None]",
    ]
    if recipe.scale > 1:
        lines.append(
            "image = torch.nn.functional.interpolate("
            f'image, scale_factor={recipe.scale}, mode="bicubic").clamp(-1, 1)'
        )
    if recipe.start != IMAGE or recipe.posterior == SAMPLE:
        lines.append("generator = torch.Generator().manual_seed(0)")
    lines += [
        "with torch.no_grad():",
        f'    text = pipe.encode_prompt({prompt!r}, "cpu", 1, False)[0]',
        f"    latent = scale * vae.encode(image).latent_dist.{posterior}",
        f"    x = {'latent' if recipe.start == IMAGE else noise}",
        *(f"    {line}" for line in _steps(recipe, grid, prediction)),
        "    made = vae.decode(x / scale).sample.clamp(-1, 1)",
    ]
    return "\n".join(lines) + "\n"


def _steps(recipe: ImageRecipe, grid: Grid, prediction: Prediction) -> list[str]:
    """Return the lines of the steps: one step to x0, or a loop."""
    state = "torch.cat([x, latent], dim=1)" if recipe.concat else "x"
    if grid.num_steps == 1 and grid.sigmas[-1] == 0:
        numbers = {"alpha": f"{grid.alphas[0]:.9g}", "sigma": f"{grid.sigmas[0]:.9g}"}
        return [
            f"output = unet({state}, {grid.times[0]:g}, text).sample",
            f"x = {X0[prediction].format(**numbers)}",
        ]
    points = list(zip(grid.alphas, grid.sigmas, strict=True))
    rows = [
        f"({time:g}, {here[0]:.9g}, {here[1]:.9g}, {there[0]:.9g}, {there[1]:.9g})"
        for time, here, there in zip(grid.times, points, points[1:], strict=False)
    ]
    names = {"alpha": "alpha", "sigma": "sigma"}
    return [
        f"steps = [{', '.join(rows)}]",
        "for t, alpha, sigma, next_alpha, next_sigma in steps:",
        f"    output = unet({state}, t, text).sample",
        f"    x0, eps = {X0[prediction].format(**names)}, {EPS[prediction].format(**names)}",
        "    x = next_alpha * x0 + next_sigma * eps",
    ]
