"""Why an image cannot be used: every failure of a decoder becomes one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from pairgen.errors import PairgenError

MAX_CHARACTERS = 200


class UnusableImageError(Exception):
    """The image cannot be used; the message is the reason in the list of rejected images."""


class SkippedImageError(UnusableImageError):
    """An image or crop that one of the user's thresholds excludes; nothing is wrong with it."""


@contextmanager
def reasons() -> Iterator[None]:
    """Turn whatever a decoder raises into a reason.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    try:
        yield
    # The latter are of what the file is read from.
    except (UnusableImageError, PairgenError):
        raise
    except Image.DecompressionBombError:
        raise UnusableImageError("too large") from None
    # Decoders do not document what they raise on broken files.
    except Exception as error:
        raise UnusableImageError(f"cannot be decoded: {error_text(error)}") from None
    except BaseException as error:
        # A decoder in Rust that panics raises no Exception.
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise UnusableImageError(f"cannot be decoded: {error_text(error)}") from None


def error_text(error: BaseException) -> str:
    """Return an error on one line that every file and terminal can hold."""
    text = " ".join(str(error).split())[:MAX_CHARACTERS] or type(error).__name__
    return as_utf8(text)


def as_utf8(text: str) -> str:
    r"""Return a text with what UTF-8 cannot hold escaped: `caf\udce9` for a name in Latin-1."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
