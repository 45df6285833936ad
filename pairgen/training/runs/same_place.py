"""Whether two spellings name one run or file, in folders that may have been moved."""

from pathlib import Path


def is_same_place(before: str, now: str, folder: Path) -> bool:
    """Whether a run's option names what it named before.

    A place beside the run is known by its name: the folder that holds both may have been moved, or
    given by another path. What it holds is compared by its SHA-256, see `Trainer.resumed`. Any
    other place is known by its path without symbolic links.

    Args:
        before: The option as the run began.
        now: The option now.
        folder: The run's folder.
    """
    if before == now or not (before and now):
        return before == now
    old, new = (Path(each).expanduser().absolute() for each in (before, now))
    if old.resolve() == new.resolve():
        return True
    is_beside = new.parent.resolve() == folder.expanduser().absolute().parent.resolve()
    return is_beside and new.name == old.name
