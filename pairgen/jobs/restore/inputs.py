"""The pictures that `pairgen restore` is given: which are restored, into which files, by what."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pairgen import plugins
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.image_recipe import ImageRecipe
from pairgen.jobs.restore.encode import check_size
from pairgen.jobs.restore.names import check_names
from pairgen.jobs.restore.options import RestoreConfig
from pairgen.jobs.restore.restorer import FoundRestorer
from pairgen.jobs.restore.tagger_options import TaggerOptions
from pairgen.kinds.image_model import check_image_model, recipe_of
from pairgen.options import names
from pairgen.redaction import listed_without_secrets
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images, without_repeats
from pairgen.sources.image_list import PlannedImages, columns_for
from pairgen.sources.images import collect_images, header_size
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.paths import local_file
from pairgen.sources.photographs import ImageSize
from pairgen.sources.texts.captions import Captions, with_captions_checked


@dataclass(frozen=True)
class Pictures:
    """Pictures whose headers were read.

    Attributes:
        files: Those that can be used.
        results: Paths of their results, in the same order.
        rejected: The others, each with name and reason.
        frames_text: How many are the first of several frames, as the end of a sentence.
    """

    files: Sequence[ImageFile]
    results: Sequence[str]
    rejected: Sequence[dict[str, Any]]
    frames_text: str = ""


def identity_of(config: RestoreConfig, found: FoundRestorer) -> dict[str, Any]:
    """Return everything that a result depends on beside its picture and prompt, as plain data.

    Raises:
        ConfigError: The model cannot be found, or does not make images from images.
    """
    model = found.model
    where = {"location": model.location, **model.options}
    described = check_image_model(model)
    decoder = plugins.call("teachers", model.teacher, "describe_decoder", **where)
    kept = names(RestoreConfig, "identity") - {
        "model",
        "prompt",
        # Is part of the model's sampling.
        "steps",
        *TaggerOptions.model_fields,
    }
    # What no folder had before it was added stands there only where it is used.
    added: dict[str, Any] = {"no_prompt": True} if config.prompt == "" else {}
    if found.tagger is not None:
        added["tagger"] = found.tagger.identity
    return {
        "model": {
            "identity": dict(described.identity),
            "vae": dict(decoder.identity),
            "recipe": asdict(recipe_of(model)),
            "sampling": dict(model.sampling),
        },
        **{name: getattr(config, name) for name in sorted(kept)},
        **{name: value for name, value in found.options if name in kept},
        "prompt": config.prompt or "",
        **added,
    }


def read_pictures(config: RestoreConfig, scale: int, recipe: ImageRecipe, say: Say) -> Pictures:
    """Find the pictures and read their headers.

    Raises:
        ConfigError: A source is empty or cannot be read, no picture can be used, or two pictures
            would have the same result.
    """
    say(f"Pictures: {listed_without_secrets(config.images)}")
    columns = ("",) if config.captions else (config.column,)
    passed_over = PassedOver()
    found = find_images(config.images, *columns, passed_over=passed_over)
    files = without_repeats(found)
    if config.captions:
        files = Captions(local_file(config.captions, "Captions"), config.column, "", say).apply(
            files
        )
    progress = Progress(0, 0, unit="pictures scanned")
    num_read = 0

    def on_image() -> None:
        nonlocal num_read
        num_read += 1
        progress.reached(num_read)

    def count_results(size: ImageSize) -> int:
        check_size(scale * size.width, scale * size.height, config.format)
        return 1

    size_of = with_captions_checked(header_size) if _has_own(config, recipe) else header_size
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pictures.arrow"
        try:
            further = columns_for(config.images)
            summary = collect_images(files, target, count_results, on_image, size_of, further)
        finally:
            progress.close()
        if text := str(passed_over):
            say(f"Passed over: {text}.")
        planned = PlannedImages(target)
        usable = [planned[row].file for row in range(len(planned))]
    results = check_names(usable, config.format)
    return Pictures(usable, results, summary.rejected, summary.frames_text())


def prompt_for(file: ImageFile, config: RestoreConfig, recipe: ImageRecipe) -> str | None:
    """Return the prompt of a picture; None if the tagger writes it.

    It is the user's, which may be empty; or the picture's own if the student was trained with such,
    or the user names where they are; or else the student's.
    """
    if config.tagger or config.prompt is not None:
        return config.prompt
    return (file.caption if _has_own(config, recipe) else "") or recipe.prompt


def _has_own(config: RestoreConfig, recipe: ImageRecipe) -> bool:
    """Whether pictures may have prompts of their own."""
    if config.tagger or config.prompt is not None:
        return False
    return bool(recipe.prompts or config.captions or config.column)
