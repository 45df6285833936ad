"""Where a user's own module lies: a file or a name, found without importing anything."""

import importlib.util
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path


def is_file(text: str) -> bool:
    """Whether a text names a module by its file, such as `./my_blur.py`."""
    return text.endswith(".py")


def name_of(text: str) -> str:
    """Return the name that a module is imported by: `my_blur` for `./my_blur.py`."""
    return Path(text).stem if is_file(text) else text


def file_named(text: str, folder: Path) -> Path:
    """Return the file that a text names: beside the file that names it, or as it stands.

    Args:
        text: The text, such as `./my_blur.py`.
        folder: Folder of the file that names it.
    """
    path = Path(text).expanduser()
    beside = folder / path
    return (beside if beside.is_file() else path).absolute()


def folder_of(source: Path) -> str:
    """Return the folder that a module without dots is found in, by its file."""
    return str(source.parent.parent if source.stem == "__init__" else source.parent)


def find_source(name: str, folders: Iterable[str] = ()) -> Path | None:
    """Return the file that an import would load; None if it would find none.

    Args:
        name: Name of the module, dotted or not.
        folders: Folders that are searched after all others.
    """
    if name in sys.modules:
        return source_of(name)
    first, *rest = name.split(".")
    spec = _find_first(first, list(folders))
    for number, _ in enumerate(rest, start=2):
        places = spec.submodule_search_locations if spec is not None else None
        if places is None:
            return None
        spec = _find_inner(".".join([first, *rest][:number]), list(places))
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def source_of(name: str) -> Path | None:
    """Return the file that a loaded module came from; None if it came from none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return Path(file) if isinstance(file, str) else None


def _find_inner(name: str, places: list[str]) -> ModuleSpec | None:
    """Find a module in the folders of its package, which is not loaded."""
    try:
        return PathFinder.find_spec(name, places)
    except KeyError:
        # A folder without `__init__.py`, whose path follows that of its package once it is loaded.
        last = name.rpartition(".")[2]
        spec = ModuleSpec(name, None, is_package=True)
        found = (Path(place) / last for place in places)
        spec.submodule_search_locations = [str(each) for each in found if each.is_dir()]
        return spec


def _find_first(name: str, folders: list[str]) -> ModuleSpec | None:
    """Find a module without dots; to find another one, its package would be imported."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        # The latter, if it is loaded and says nothing of itself.
        found = None
    return found or PathFinder.find_spec(name, folders)
