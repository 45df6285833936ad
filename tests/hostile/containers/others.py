"""The same tars by webdataset and by the hub's loader: `python -m tests.hostile.containers.others`.

Prints a Markdown table of every tar: what pairgen takes, what they take, and why that differs.
"""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.hostile.containers.cases import TARS, Case, number_of

SUFFIXES = ("png", "jpg", "jpeg")
Pictures = dict[int, str]


def by_webdataset(path: str) -> Pictures:
    """Return the pictures that webdataset reads, with the text of `txt`."""
    import webdataset

    read = webdataset.WebDataset(path, shardshuffle=False, empty_check=False)
    found = {}
    for sample in read:
        names = [name for name in sample if name.lower().endswith(SUFFIXES)]
        for name in names[:1]:
            found[number_of(sample[name])] = sample.get("txt", b"").decode()
    return found


def by_hub(path: str) -> Pictures:
    """Return the pictures that `datasets` reads, with the text of `txt`."""
    import datasets

    found = {}
    with tempfile.TemporaryDirectory() as cache:
        read = datasets.load_dataset(
            "webdataset", data_files=[path], split="train", cache_dir=cache
        )
        for row in read:
            pictures = [value for value in row.values() if isinstance(value, Image.Image)]
            for picture in pictures[:1]:
                buffer = io.BytesIO()
                picture.save(buffer, "PNG")
                found[number_of(buffer.getvalue())] = row.get("txt") or ""
    return found


OTHERS: dict[str, Callable[[str], Pictures]] = {"webdataset": by_webdataset, "datasets": by_hub}


def read_by(read: Callable[[str], Pictures], path: str) -> Pictures | str:
    """Return what a reader takes, or its error in a few words."""
    try:
        return read(path)
    except Exception as error:
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:50]}"


def differs(case: Case, other: Pictures) -> bool:
    """Whether a reader takes a picture that pairgen does not, or with a text that pairgen lacks."""
    lost = other.keys() - case.taken.keys()
    texts = {number: text for number, text in other.items() if text}
    return bool(lost) or any(case.taken.get(number) != text for number, text in texts.items())


def table() -> str:
    """Return the table."""
    rows = ["| tar | pairgen | webdataset | datasets | why |", "|---|---|---|---|---|"]
    for case in TARS:
        with tempfile.TemporaryDirectory() as folder:
            path = case.write(Path(folder))
            found = [read_by(read, path) for read in OTHERS.values()]
        ours = f"refused: {case.refused}" if case.refused else case.taken
        cells = [case.name, ours, *found, case.why]
        rows.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
