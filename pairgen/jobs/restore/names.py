"""Names of results: those of the pictures, below the output folder."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.shards.storage.store import Store
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_suffixes import SUFFIXES


def result_name(file: ImageFile, kind: str) -> str:
    """Return the path of a picture's result: its recorded name, with the suffix of the format.

    Raises:
        ConfigError: The name leads into `__meta__`.
    """
    # A list of paths may name files anywhere; results stay below the folder.
    parts = [part for part in PurePosixPath(file.name).parts if part not in ("/", "..")]
    path = PurePosixPath(*parts)
    if path.parts[0] == "__meta__":
        raise ConfigError(
            f"The result of {file.name} would lie in __meta__, which holds receipts: give its "
            "folder as --images."
        )
    name = path.stem if path.suffix.lower() in SUFFIXES else path.name
    return path.with_name(f"{name}.{kind}").as_posix()


def check_names(files: Iterable[ImageFile], kind: str) -> list[str]:
    """Return the paths of all results, in order.

    Raises:
        ConfigError: Two pictures would have the same result.
    """
    taken: dict[str, ImageFile] = {}
    names = []
    for file in files:
        name = result_name(file, kind)
        # Some disks do not tell upper case from lower.
        if (other := taken.get(name.casefold())) is not None:
            raise ConfigError(
                f"{_place(other)} and {_place(file)} would both become {name}: restore them into "
                "different folders, or rename one."
            )
        taken[name.casefold()] = file
        names.append(name)
    return names


def check_apart(values: Iterable[str], out: Store) -> None:
    """Check that results will not be among the pictures to restore.

    Args:
        values: Folders of pictures and other sources, as given.
        out: The output folder.

    Raises:
        ConfigError: The output folder is a folder of pictures, or lies in one.
    """
    folder = Path(out.address)
    for value in values:
        given = Path(value).expanduser().absolute()
        if given.is_dir() and folder.is_relative_to(given):
            raise ConfigError(
                f"{option_text('out')} must be outside the folder of pictures {value}, else its "
                f"results would be restored too, got {out.url}."
            )


def check_no_results(files: Iterable[ImageFile], out: Store) -> None:
    """Check that no picture lies in the output folder, as a glob may find it.

    Raises:
        ConfigError: One does.
    """
    folder = Path(out.address)
    inside = (each for each in files if Path(each.container).is_relative_to(folder))
    if (found := next(inside, None)) is not None:
        raise ConfigError(f"{found.container} is in the output folder: give another --out.")


def _place(file: ImageFile) -> str:
    return file.container if file.kind == "file" else file.name
