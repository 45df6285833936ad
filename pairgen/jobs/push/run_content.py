"""What is pushed of a training run: its student, as a folder that is a model."""

import json
from collections.abc import Iterator
from pathlib import Path

from pairgen.config import read_yaml, texts_in
from pairgen.errors import ConfigError
from pairgen.jobs.push.card import PREVIEW_FILE, is_path, pushed_card
from pairgen.jobs.push.content import Content, PushedFile
from pairgen.jobs.push.options import PushConfig
from pairgen.model_config import MODEL_FILE, RUN_FILE, find_model
from pairgen.model_files import FILES
from pairgen.regular_file import read_regular
from pairgen.shards.format.layout import CARD
from pairgen.training.runs.export import LORA_FOLDER, STUDENT_FOLDER
from pairgen.training.runs.record import read_record
from pairgen.training.runs.run_config import read_run_config
from pairgen.training.students.shown_file import VALIDATION_FILE, load_shown_file
from pairgen.wording import counted


def run_content(folder: Path, options: PushConfig) -> Content:
    """Return what is pushed of a finished run.

    Its checkpoints, logs and config stay here, and so do the last weights beside an average.

    Raises:
        ConfigError: The run is not finished, a file of its student is damaged, or its student needs
            a folder of this machine.
    """
    if not (folder / MODEL_FILE).is_file():
        raise ConfigError(
            f"{folder} is a training run without a student yet: finish it with --resume."
        )
    # Compares the student's files with their hashes.
    find_model(str(folder))
    for text in texts_in(read_yaml(folder / MODEL_FILE)):
        if is_path(text):
            raise ConfigError(
                f"{MODEL_FILE} of {folder} names {text}, which only this machine has: a "
                "student that needs it cannot be used elsewhere."
            )
    student = [*_files(folder, STUDENT_FOLDER), *_files(folder, LORA_FOLDER)]
    student.append(PushedFile(MODEL_FILE, folder / MODEL_FILE))
    hashes = _hashes(folder, {each.path for each in student})
    png, caption = _preview(folder)
    files = (
        *student,
        *([PushedFile(FILES, hashes)] if hashes else []),
        *([PushedFile(PREVIEW_FILE, png)] if png else []),
        PushedFile(CARD, _card(folder, options, caption).encode()),
    )
    return Content(files, (STUDENT_FOLDER, LORA_FOLDER))


def _files(folder: Path, name: str) -> Iterator[PushedFile]:
    for path in sorted((folder / name).rglob("*")):
        if path.is_file():
            yield PushedFile(path.relative_to(folder).as_posix(), path)


def _hashes(folder: Path, pushed: set[str]) -> bytes:
    """Return the hashes of the files that are pushed; empty for a run of an earlier version."""
    if not (folder / FILES).is_file():
        return b""
    hashes = json.loads(read_regular(folder / FILES))
    kept = {path: sha256 for path, sha256 in hashes.items() if path in pushed}
    return f"{json.dumps(kept, indent=2)}\n".encode()


def _preview(folder: Path) -> tuple[bytes, str]:
    """Return the last grid of a run and what it shows; both are empty if it has none."""
    grids = sorted((folder / "grids").glob("*.png"))
    if not grids:
        return b"", ""
    if load_shown_file(folder / VALIDATION_FILE, ("targets",)):
        shown = "Each row: the given image, the student's, the target"
    else:
        shown = "Above: the teacher's images; below: the student's"
    step = int(grids[-1].stem) if grids[-1].stem.isdecimal() else 0
    return read_regular(grids[-1]), f"{shown} after {counted(step, 'step')}"


def _card(folder: Path, options: PushConfig, preview: str) -> str:
    local = list(texts_in(read_run_config(folder))) if (folder / RUN_FILE).is_file() else []
    if record := read_record(folder):
        local += [each.url for each in record.sets]
    try:
        text = read_regular(folder / CARD).decode("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        raise ConfigError(f"{folder} lacks its {CARD}: write it again with --resume.") from None
    return pushed_card(text, options.license, preview, "", [*local, str(Path.home())])
