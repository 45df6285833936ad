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


def test_what_a_set_has_gained_stands_behind_the_others():
    more = {"first_slot": 6, "first_row": 0, "num_inputs": 3, "samples_per_image": 2}
    new = {**more, "first_slot": 12, "first_row": 3, "sha256": "ab", "name": "photos"}
    source = {"num_inputs": 3, "name": "images", "additions": [{**more, "first_number": 2}, new]}
    assert inputs_text(source) == (
        "3 from images, then 2 more samples of each of 3 images, then 3 new images from photos"
    )
