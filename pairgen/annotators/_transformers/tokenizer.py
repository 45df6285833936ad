"""Load the tokenizer of a model, if its vocabulary is there."""

from typing import Any

from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.files import Snapshot
from pairgen.teachers._pretrained.quiet import quiet


def load_tokenizer(tokenizer: Any, snapshot: Snapshot, vocabulary: str) -> Any:
    """Load a tokenizer.

    Args:
        tokenizer: Its class in transformers.
        snapshot: The model's files.
        vocabulary: Name of its older vocabulary file, such as `vocab.json`.

    Raises:
        TeacherLoadError: The vocabulary is missing or broken.
    """
    folder = snapshot.folder
    # Without these files, the library would create an empty vocabulary.
    if not any((folder / name).is_file() for name in (vocabulary, "tokenizer.json")):
        raise TeacherLoadError(f"{snapshot.location} lacks {vocabulary}.")
    try:
        with quiet():
            return tokenizer.from_pretrained(str(folder), local_files_only=True)
    # The library raises errors of JSON, of its own, and bare exceptions of its parser in Rust.
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise TeacherLoadError(
            f"The tokenizer in {snapshot.location} cannot be loaded: {reason}."
        ) from None
