"""Plans of strangers: each value is of its kind and in its range, or the plan is refused."""

from copy import deepcopy
from typing import Any

import pytest

from pairgen.shards.format.parsing.plan import parse_plan
from pairgen.untrusted.malformed import MalformedError
from tests.small_sets import make_plan

DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]


def test_a_plan_is_what_it_was() -> None:
    plan = make_plan()
    assert parse_plan(plan.to_dict()) == plan


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("kind", (["ode"], "other", None)),
        ("seed", (-1, 2**63, "0", True, None, 1.5)),
        ("num_samples", (0, -5, "x", float("nan"), 10**12)),
        ("samples_per_shard", (0, "8", None)),
        ("source", ({}, [], None, {"sha256": "", "num_inputs": 0})),
        ("source.num_inputs", ("x", -1, None, 10**30)),
        ("teacher", (3, None, {"module": 3, "identity": {}})),
        ("recipe", ([], None, {})),
        ("recipe.guidance_scales", ([], ["x"], None, [float("nan")], [1] * 2000)),
        ("recipe.solver", ("foo", None)),
        ("recipe.spacing", ("1,2,3", 3)),
        ("recipe.stored_dtype", ("object", "float")),
        ("recipe.steps", (0, "4", 10**9)),
        ("members", ([], {}, {"json": {}, "a/b": {}})),
        ("members.json", (None, {"keys": 3})),
        ("members.txt", ([], 3)),
        (
            "members",
            (
                {"json": {}, "x.npy": {"dtype": "object", "shape": [1]}},
                {"json": {}, "x.npy": {"dtype": "float32"}},
                {"json": {}, "x.npy": {"dtype": "float32", "shape": [2**31, 2**31]}},
                {"json": {}, "cls": {}},
            ),
        ),
        ("execution", (None, {"batch_size": "x"}, {"batch_size": 0}, {"cpu_threads": 10**9})),
        ("resolved", (None, [], {"options": 3}, {"times": ["x"]}, {"index_columns": [3]})),
        ("code", (None, [], "x")),
        ("recipe.own", (DEEP, float("inf"), object(), 10**40)),
    ],
)
def test_values_of_other_kinds_are_refused(place: str, values: tuple[Any, ...]) -> None:
    for value in values:
        data = deepcopy(make_plan().to_dict())
        *above, name = place.split(".")
        holder = data
        for step in above:
            holder = holder[step]
        holder[name] = value
        with pytest.raises(MalformedError):
            parse_plan(data)


def test_so_many_shards_that_no_memory_holds_them_are_refused() -> None:
    data = {**make_plan().to_dict(), "num_samples": 10**8, "samples_per_shard": 1}
    with pytest.raises(MalformedError, match="more than 1,000,000 shards"):
        parse_plan(data)


def test_what_a_later_version_adds_is_let_through() -> None:
    data = make_plan().to_dict()
    data["source"]["later"] = {"x": [1, "y"]}
    assert parse_plan(data).source["later"] == {"x": [1, "y"]}
