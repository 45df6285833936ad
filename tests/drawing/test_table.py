"""Text tables, and the notes below them."""

from pairgen.drawing.table import WIDTH, wrapped


def test_a_long_note_is_wrapped_between_words() -> None:
    note = "decoders and smaller networks are not counted; " * 8
    lines = wrapped(note).split("\n")
    assert len(lines) > 1 and max(map(len, lines)) <= WIDTH
    assert " ".join(lines) == note.strip()
