"""What datasets and their members hold, in words."""

import re
from collections.abc import Collection

ABOUT = {
    "txt": "the prompt",
    "json": "facts, the same keys in every sample",
    "noise.npy": "the noise x_T, exactly what the teacher consumed",
    "latent.npy": "the teacher's latent x_0: scaled by the VAE's factor, or pixels in [-1, 1]",
    "cls": "number of the class that the label in `txt` means",
    "path.npy": "states of the trajectory at the stored times, noise first",
    "txt_emb.npy": "prompt embedding",
    "pooled_emb.npy": "pooled prompt embedding",
    "png": "HR, a crop of the photograph",
    "webp": "HR, a crop of the photograph, lossless",
    "jpg": "HR, a crop of the photograph, JPEG of quality 95",
    "canny.png": "edges, white on black",
    "mask.png": "what is to be painted, white",
    "depth.png": "estimated depth, near is bright, scaled to the range of each image",
    "seg.png": "number of the class of every pixel; the plan names the classes",
    "sketch.png": "dark lines on white",
    "caption.txt": "what a captioner says about the image",
    "tag.txt": "words about the content",
    "clip_image.npy": "CLIP's embedding of the image",
    "clip_text.npy": "CLIP's embedding of the text",
    "dino_cls.npy": "class token of DINOv2",
    "moments.npy": "the VAE's means, then log-variances, of the image, unscaled",
    **{f"lr{level}.png": f"LR at 1/{level}" for level in (2, 4, 8, 16)},
}

# What members hold in datasets of one kind.
ABOUT_IN = {
    "collect": {
        "txt": "the caption, empty where an image has none; of an edit the instruction",
        "cls": "number of the class",
        "png": "the image",
        "webp": "the image, lossless",
        "jpg": "the image, JPEG",
        "src.png": "the image before the edit that `txt` asks for",
        "tag.txt": "words about the content",
        "mask.png": "where the thing is: its opacity",
        "lr1.png": "LR of the pair, enlarged by its makers",
        "lr3.png": "LR of the pair, at 1/3",
    },
    "overlay": {
        "png": "HR, the decoded latent",
        "webp": "HR, the decoded latent, lossless",
        "jpg": "HR, the decoded latent, JPEG of quality 95",
        "txt": "what a captioner says about the image",
        "latent.npy": "the VAE's latent of the image, scaled",
        **{
            f"lr{level}_latent.npy": f"the VAE's latent of LR at 1/{level}, enlarged to HR's size"
            for level in (2, 4, 8, 16)
        },
    },
}

# Image members below an image, where `ABOUT` is too long.
LABELS = {
    "canny.png": "edges (canny)",
    "mask.png": "mask",
    "depth.png": "depth",
    "seg.png": "segmentation",
    "sketch.png": "sketch",
    "cond.png": "condition",
    "src.png": "source",
    "lr1.png": "LR, enlarged",
}
IMAGES = ("png", "webp", "jpg")
LEVEL = re.compile(r"lr(\d+)\.png")

# Maps the kind of a dataset to the start of its title and the description of a sample.
KINDS = {
    "ode": (
        "ODE pairs of",
        "Each sample is a prompt, the noise a diffusion model started from, and the latent its "
        "ODE\nsampler reached. Made with pairgen.\n",
    ),
    "overlay": (
        "Overlay:",
        "Each sample adds members to the sample of the same key in another set, the parent, whose\n"
        "fingerprint stands below. Made with pairgen.\n",
    ),
    "overlay by value": (
        "Overlay:",
        "Each sample adds members to all samples of another set, the parent, that have one text.\n"
        "`__meta__/prompts.arrow` lists the texts by key, and `value_hash` in `json` is the start "
        "of the\nSHA-256 of a text. The parent's fingerprint stands below. Made with pairgen.\n",
    ),
    "degrade": (
        "Degraded photographs:",
        "Each sample is a crop of a photograph and what one draw of a degradation made of it, at "
        "every\nlevel. The draw stands in `json` under `draw`, as JSON text, and number by number "
        "in the\n`draw_...` columns of `__meta__/index/*.parquet`. Made with pairgen.\n",
    ),
    "collect": (
        "Images:",
        "Each sample is an image, or two that belong together, cut to one size, with caption "
        "and class\nif it has any. Where it was cut stands in `json` and in the columns of\n"
        "`__meta__/index/*.parquet`. Made with pairgen.\n",
    ),
}


def about_member(kind: str, name: str) -> str:
    """Return what a member holds in datasets of some kind; empty if it is not known."""
    return {**ABOUT, **ABOUT_IN.get(kind, {})}.get(name, "")


def image_label(name: str, members: Collection[str]) -> str:
    """Return an image member of a dataset in a word or two; its name if it is unknown.

    Args:
        name: The member, such as `lr2.png`.
        members: All members of the dataset: beside LR levels, the image is HR.
    """
    if name in IMAGES:
        return "HR" if any(map(LEVEL.fullmatch, members)) else "image"
    level = LEVEL.fullmatch(name)
    return LABELS.get(name, f"LR 1/{level[1]}" if level else name)
