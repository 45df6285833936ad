"""The inputs of a set in words: no names of fields, and nothing that is 0."""

from pairgen.jobs.inspect.inputs_text import inputs_text


def test_inputs_are_told_in_words() -> None:
    source = {
        "name": "prompts.txt",
        "sha256": "0" * 64,
        "num_inputs": 1234,
        "num_blank": 1,
        "num_rejected": 0,
        "dedupe": True,
        "shuffle": False,
        "limit": 2000,
    }
    assert inputs_text(source) == "1,234 from prompts.txt, 1 blank, without duplicates, limit 2000"
    assert inputs_text({"num_inputs": 3}) == "3 from a file"
