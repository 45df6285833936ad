"""Every column of a draw is told in words, and no two by the same ones."""

import pytest

from pairgen.kinds.degrade.drawn_words import drawn_columns
from pairgen.kinds.degrade.pyramid import find_preset, make_preset, preset_names
from pairgen.shards.format.draw_columns import draw_columns


@pytest.mark.parametrize("preset", preset_names())
def test_every_column_of_every_preset_has_words_of_its_own(preset: str) -> None:
    found = find_preset(preset)
    names = list(draw_columns(found.draw_every()))
    columns = drawn_columns(found.recipe, names)
    assert list(columns) == names
    assert len({each.words for each in columns.values()}) == len(names)


def test_words_name_stage_operation_quantity_and_unit() -> None:
    found = find_preset("realesrgan")
    columns = drawn_columns(found.recipe, list(draw_columns(found.draw_every())))
    words = {
        "draw_shared_1_isotropic_blur_sigma": "First order: isotropic blur, sigma (px)",
        "draw_shared_1_anisotropic_blur_angle": "First order: anisotropic blur, angle (rad)",
        "draw_levels_2_gaussian_noise_sigma": "Second order: Gaussian noise, sigma (8-bit levels)",
        "draw_levels_3_1_0_jpeg_quality": "Second order: JPEG, quality",
        "draw_levels_3_0_1_applied": "Second order: second sinc filter, applied",
        "draw_levels_2_choice": "Second order: Gaussian noise or Poisson noise",
    }
    assert {name: columns[name].words for name in words} == words
    chosen = columns["draw_shared_1_choice"]
    assert chosen.values[1:4] == ("isotropic blur", "anisotropic blur", "generalized blur")
    assert chosen.values[4] == "generalized blur, not isotropic"
    # A choice and what can be chosen stand together.
    assert columns["draw_shared_1_isotropic_blur_sigma"].group == chosen.group


def test_own_operations_have_no_unit_and_what_is_no_operation_has_no_words() -> None:
    operations = {"levels": [{"my.blur": {}}, 3, {"one_of": {"choices": None}}, {"a": 1, "b": 2}]}
    names = ["draw_levels_0_my.blur_sigma", "draw_levels_1_x", "draw_levels_3_a_x", "prompt"]
    found = drawn_columns(operations, names)
    assert {name: each.words for name, each in found.items()} == {names[0]: "my.blur, sigma"}
    assert drawn_columns({"levels": 5, "shared": {"x": 1}}, names) == {}


def test_compositions_inside_a_choice_are_found() -> None:
    inner = {"chain": {"operations": [{"jpeg": {}}, {"webp": {}}]}}
    operations = {
        "levels": [
            {
                "one_of": {
                    "choices": [{"probability": 0.5, **inner}, {"probability": 0.5, "clip": {}}]
                }
            },
            {"resize_to_target": {}},
        ]
    }
    names = list(draw_columns(make_preset("own", operations).draw_every()))
    columns = drawn_columns(operations, names)
    assert list(columns) == names
    assert columns["draw_levels_0_1_webp_quality"].words == "WebP, quality"
