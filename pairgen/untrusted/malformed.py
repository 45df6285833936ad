"""The one error of whatever cannot be what it says it is."""

# Longest value that a message quotes.
MAX_SHOWN = 40


class MalformedError(ValueError):
    """A file holds something else than it should; the message ends a sentence with what."""


def shown(value: object, most: int = MAX_SHOWN) -> str:
    """Return a value for a message: in one line, of so many characters, and whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # A number of thousands of digits, or something read with a few calls less on the stack.
        text = f"a large {type(value).__name__}"
    return text if len(text) <= most else text[: most - 3] + "..."
