"""Plans of strangers: each value is of its kind and in its range, or the plan is refused."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from pairgen.shards.format.parsing.plan import parse_plan
from pairgen.untrusted.malformed import MalformedError
from tests.image_sets import image_plan
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


LISTED = {"sha256": "ab", "num_inputs": 3, "name": "photos"}
MORE = {"first_row": 0, "num_inputs": 3, "samples_per_image": 1, "first_number": 1}


def grown_plan(*additions: dict[str, Any], num_samples: int = 9, **recipe: Any) -> dict[str, Any]:
    plan = image_plan(num_samples=num_samples)
    source = {**LISTED, "additions": list(additions)}
    return replace(plan, source=source, recipe={**plan.recipe, **recipe}).to_dict()


def test_what_a_set_has_gained_is_what_it_was() -> None:
    new = {"first_slot": 6, "first_row": 3, "num_inputs": 3, "samples_per_image": 1}
    new |= {"first_number": 0, "sha256": "cd", "name": "more", "list_sha256": "ef"}
    plan = parse_plan(grown_plan({"first_slot": 3, **MORE}, new))
    assert [each.first_slot for each in plan.additions] == [3, 6]
    assert [each.has_list for each in plan.additions] == [False, True]
    assert len({*plan.fingerprints()}) == 3


@pytest.mark.parametrize(
    "additions",
    [
        "x",
        [3],
        [{}],
        [{"first_slot": 3, **MORE, "other": 1}],
        [{"first_slot": 0, **MORE}],
        [{"first_slot": 9, **MORE}],
        [{"first_slot": 3, **MORE, "num_inputs": 2}],
        [{"first_slot": 6, **MORE, "samples_per_image": 0}],
        [{"first_slot": 6, **MORE, "first_row": 1}],
        [{"first_slot": 6, **MORE, "first_row": -1}],
        [{"first_slot": 6, **MORE, "first_row": 10**30}],
        [{"first_slot": 6, **MORE, "sha256": "cd"}],
        [{"first_slot": 6, **MORE}, {"first_slot": 3, **MORE}],
        [{"first_slot": 6, **MORE}, {"first_slot": 6, **MORE}],
        [{"first_slot": 6, **MORE}] * 2000,
    ],
)
def test_what_no_set_can_have_gained_is_refused(additions: Any) -> None:
    data = grown_plan()
    data["source"]["additions"] = additions
    with pytest.raises(MalformedError):
        parse_plan(data)


def test_only_sets_of_images_gain_any() -> None:
    data = make_plan(num_samples=9).to_dict()
    data["source"] = {**data["source"], "additions": [{"first_slot": 6, **MORE}]}
    with pytest.raises(MalformedError, match="additions begin at"):
        parse_plan(data)


def test_so_many_shards_that_no_memory_holds_them_are_refused() -> None:
    data = {**make_plan().to_dict(), "num_samples": 10**8, "samples_per_shard": 1}
    with pytest.raises(MalformedError, match="more than 1,000,000 shards"):
        parse_plan(data)


def test_what_a_later_version_adds_is_let_through() -> None:
    data = make_plan().to_dict()
    data["source"]["later"] = {"x": [1, "y"]}
    assert parse_plan(data).source["later"] == {"x": [1, "y"]}
