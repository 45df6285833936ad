"""Draws as columns: named by place and operation, searchable, equal to what was drawn."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pairgen.kinds.degrade.pyramid import find_preset, preset_names
from pairgen.shards.format.draw_columns import draw_columns
from pairgen.shards.format.index import encode_index


def test_names_say_chain_place_and_operation():
    draw = {
        "shared": {"operations": [{"one_of": {"choice": 1, "jpeg": {"quality": 40}}}]},
        "levels": {
            "operations": [
                {"maybe": {"applied": False}},
                {
                    "shuffled": {
                        "order": [1, 0],
                        "groups": [
                            {"operations": [{"clip": {}}, {"resize": {"factor": 0.5}}]},
                            {"operations": []},
                        ],
                    }
                },
                {"halved": {"halved": True, "mode": "area", "operations": []}},
            ]
        },
    }
    assert draw_columns(draw) == {
        "draw_shared_0_choice": 1,
        "draw_shared_0_jpeg_quality": 40,
        "draw_levels_0_applied": False,
        "draw_levels_1_order": [1, 0],
        "draw_levels_1_0_1_resize_factor": 0.5,
        "draw_levels_2_halved": True,
        "draw_levels_2_mode": "area",
    }


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_searchable_and_no_two_numbers_share_a_column(name):
    preset = find_preset(name)
    draws = [preset.draw(np.random.default_rng(number)) for number in range(100)]
    rows = [{"key": f"{number:09d}", **draw_columns(draw)} for number, draw in enumerate(draws)]
    assert all(column.isidentifier() for row in rows for column in row)
    for draw, row in zip(draws, rows, strict=True):
        assert len(row) - 1 == len(list(leaves(draw)))
    table = pq.read_table(pa.BufferReader(encode_index(rows)))
    for column in table.column_names[1:]:
        assert not pa.types.is_null(table.schema.field(column).type)
        expected = [row["key"] for row in rows if column in row]
        found = table.filter(pc.is_valid(table.column(column))).column("key").to_pylist()
        assert found == expected


def leaves(draw):
    if isinstance(draw, dict):
        for value in draw.values():
            yield from leaves(value)
    elif isinstance(draw, list) and draw and isinstance(draw[0], dict):
        for value in draw:
            yield from leaves(value)
    elif draw != []:
        yield draw
