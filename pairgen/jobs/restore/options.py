"""The options of `pairgen restore`, and those of a `pairgen.Restorer`."""

from typing import Annotated, Any

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.image_recipe import MAX_SCALE
from pairgen.jobs.restore.tagger_options import EACH_TILE, TaggerOptions
from pairgen.kinds.run_options import MAX_CPU_THREADS, MakingOptions
from pairgen.list_rules import Places
from pairgen.model_config import DTYPES
from pairgen.option_names import option_text
from pairgen.options import Option
from pairgen.rules import SEED, Choice, Integer, OrNone, Place, Text

# Names of `pairgen.sampling.color_fix`.
COLOR_FIXES = ("adain", "wavelet", "blend", "none")
FORMATS = ("png", "jpg", "webp")
LEAVE_OUT = "leave it out for the default"
TILE = Integer(0, 1 << 16)


class RestorerOptions(TaggerOptions):
    """How a picture is restored; another value makes another picture."""

    command = "pairgen restore"

    model: Annotated[
        str,
        Place(),
        Option(
            "Run of `pairgen train`, or the folder or YAML file of a restoration student.",
            "Model",
            "identity",
            metavar="RUN|FOLDER",
            missing="must be given, such as runs/restorer.",
        ),
    ]
    scale: Annotated[
        int,
        Integer(1, MAX_SCALE, unset=0),
        Option(
            "Upscaling factor: size of the result divided by the size of the input.",
            "Restoration",
            "identity",
            default="the scale that the student was trained for",
        ),
    ] = 0
    steps: Annotated[
        int,
        Integer(1, unset=0),
        Option(
            "Sampling steps, for a student that starts from noise.",
            "Restoration",
            "identity",
            metavar="N",
            default="the number it was trained for",
        ),
    ] = 0
    color_fix: Annotated[
        str,
        Choice(COLOR_FIXES),
        Option(
            "Give the result the colors of the input: mean and standard deviation of each channel "
            "(adain), the low frequencies (wavelet), the average of both results (blend), or "
            "none.",
            "Restoration",
            "identity",
        ),
    ] = "adain"
    tile: Annotated[
        int,
        TILE,
        Option(
            "Side of the network's tiles in latent pixels (96 are 768 px for Stable Diffusion); 0 "
            "for no tiles.",
            "Restoration",
            "identity",
        ),
    ] = 96
    overlap: Annotated[
        int | None,
        OrNone(TILE),
        Option(
            "Overlap of the network's tiles in latent pixels.",
            "Restoration",
            "identity",
            default="a third of --tile",
        ),
    ] = None
    vae_tile: Annotated[
        int,
        TILE,
        Option(
            "Side of the VAE's tiles in latent pixels; 0 for no tiles.", "Restoration", "identity"
        ),
    ] = 96
    vae_overlap: Annotated[
        int | None,
        OrNone(TILE),
        Option(
            "Overlap of the VAE's tiles in latent pixels.",
            "Restoration",
            "identity",
            default="a third of --vae-tile",
        ),
    ] = None
    seed: Annotated[
        int,
        SEED,
        Option("Random seed of the noise.", "Restoration", "identity", metavar="S"),
    ] = 0
    dtype: Annotated[
        str,
        Choice(DTYPES, or_empty=True),
        Option(
            "Precision of the network; the VAE computes in float32.",
            "Compute",
            "identity",
            default="the model's, float32 without a GPU",
        ),
    ] = ""
    batch_size: Annotated[
        int,
        Integer(1, 4096),
        Option("Tiles of a picture per batch of the network.", "Compute", metavar="B"),
    ] = 1

    @model_validator(mode="after")
    def _check_tiles(self) -> "RestorerOptions":
        for tile, overlap in (("tile", "overlap"), ("vae_tile", "vae_overlap")):
            side, shared = getattr(self, tile), getattr(self, overlap)
            if side and shared is not None and shared >= side:
                raise ConfigError(
                    f"{option_text(overlap)} must be below {option_text(tile)}, {side}, got "
                    f"{shared}."
                )
        if self.tag_each == EACH_TILE and not self.tile:
            raise ConfigError(
                f"{option_text('tag_each')}=tile needs tiles, but {option_text('tile')} is 0: give "
                f"another number, or {option_text('tag_each')}=picture."
            )
        return self


class RestoreConfig(MakingOptions, RestorerOptions):
    """Every option of `pairgen restore`, checked."""

    command = "pairgen restore"

    images: Annotated[
        tuple[str, ...],
        Places("paths", "give the pictures to restore"),
        Option(
            "Pictures: folders, globs, files, .txt lists of paths, .tar, .parquet or .arrow, "
            "local or as URLs; repeatable.",
            "Images",
            metavar="DIR|GLOB|FILE|URL",
            missing="must be given, such as photographs/.",
        ),
    ]
    captions: Annotated[
        str,
        Place(LEAVE_OUT),
        Option(
            "Table with the prompt of each picture: csv, tsv, jsonl or Parquet with file_name (or "
            "image, path, key) and a caption column.",
            "Images",
            metavar="FILE",
        ),
    ] = ""
    column: Annotated[
        str,
        Text(LEAVE_OUT),
        Option("Caption column.", "Images", metavar="NAME", default="caption, text, prompt or txt"),
    ] = ""
    prompt: Annotated[
        str | None,
        OrNone(Text()),
        Option(
            "Prompt for all pictures; empty text for no prompt.",
            "Prompts",
            "identity",
            default="each picture's own if the student was trained so, else the student's",
        ),
    ] = None
    out: Annotated[
        str,
        Place(),
        Option(
            "Output folder or URL.",
            "Output",
            missing="must be given, such as restored.",
        ),
    ]
    format: Annotated[
        str,
        Choice(FORMATS),
        Option(
            "Format of the results: png; jpg of quality 95 without chroma subsampling; lossless "
            "webp. Only png can hold 16 bits.",
            "Output",
            "identity",
        ),
    ] = "png"
    cpu_threads: Annotated[
        int, Integer(1, MAX_CPU_THREADS), Option("CPU threads of each worker.", "Compute")
    ] = 1

    @model_validator(mode="before")
    @classmethod
    def _check_sources_of_prompts(cls, values: dict[str, Any]) -> dict[str, Any]:
        # An empty prompt is one; captions and their column are one source.
        given = ["prompt"] if values.get("prompt") is not None else []
        given += [name for name in ("captions", "column") if values.get(name)][:1]
        given += ["tagger"] if values.get("tagger") else []
        if len(given) > 1:
            first, second = given[:2]
            raise ConfigError(
                f"Give {first} or {second}, not both: got {values[first]!r} and {values[second]!r}."
            )
        return values

    def restorer_options(self) -> dict[str, Any]:
        """Return the options of the `Restorer`."""
        return {name: getattr(self, name) for name in RestorerOptions.model_fields}
