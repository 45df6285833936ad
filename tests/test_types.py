"""The records: plans and tasks."""

import dataclasses
import json

import pytest

from pairgen.types import Plan, canonical_json, sample_key


def make_plan(**changes) -> Plan:
    plan = Plan(
        kind="ode",
        seed=3,
        num_samples=10,
        samples_per_shard=4,
        source={"name": "prompts.txt", "sha256": "ab" * 32, "num_inputs": 5},
        teacher={
            "name": "gaussian",
            "module": "gaussian",
            "location": "",
            "options": {"seed": 0},
            "identity": {"num_modes": 24, "latent_shape": [1, 16, 16]},
        },
        recipe={"solver": "ddim", "steps": 50, "guidance_scales": [7.5]},
        members={"latent.npy": {"dtype": "float16", "shape": [1, 16, 16]}},
        execution={"batch_size": 16, "dtype": "float32"},
        resolved={"times": [999.0, 0.0]},
    )
    return dataclasses.replace(plan, **changes)


def changed(field: str, key: str, value) -> Plan:
    plan = make_plan()
    return dataclasses.replace(plan, **{field: {**getattr(plan, field), key: value}})


def test_a_plan_survives_json():
    plan = make_plan()
    data = json.loads(json.dumps(plan.to_dict()))
    assert Plan.from_dict(data) == plan
    assert data["fingerprint"] == plan.fingerprint() == Plan.from_dict(data).fingerprint()
    assert data["format_version"] == 1


def test_the_fingerprint_does_not_depend_on_the_order_of_keys():
    plan = make_plan()
    turned = dataclasses.replace(plan, recipe=dict(reversed(plan.recipe.items())))
    assert turned.fingerprint() == plan.fingerprint()


@pytest.mark.parametrize(
    "plan",
    [
        make_plan(kind="degrade"),
        make_plan(seed=4),
        changed("source", "sha256", "00" * 32),
        changed("source", "num_inputs", 6),
        changed("teacher", "module", "latent_diffusion"),
        changed("teacher", "identity", {"num_modes": 25, "latent_shape": [1, 16, 16]}),
        changed("recipe", "solver", "heun"),
        changed("recipe", "steps", 51),
        changed("recipe", "guidance_scales", [7.5, 3.0]),
        changed("recipe", "something_new", 1),
        changed("members", "noise.npy", {}),
    ],
)
def test_what_defines_a_sample_changes_the_fingerprint(plan):
    assert plan.fingerprint() != make_plan().fingerprint()


@pytest.mark.parametrize(
    "plan",
    [
        make_plan(num_samples=11),
        make_plan(samples_per_shard=5),
        changed("source", "name", "renamed.txt"),
        changed("teacher", "name", "mine"),
        changed("teacher", "location", "/elsewhere"),
        changed("teacher", "options", {"revision": "main"}),
        changed("execution", "batch_size", 1),
        changed("execution", "dtype", "bfloat16"),
        changed("resolved", "times", []),
    ],
)
def test_how_it_is_made_and_where_does_not_change_the_fingerprint(plan):
    assert plan != make_plan()
    assert plan.fingerprint() == make_plan().fingerprint()


@pytest.mark.parametrize(
    ("num_samples", "samples_per_shard", "ranges"),
    [
        (10, 4, [(0, 4), (4, 8), (8, 10)]),
        (8, 4, [(0, 4), (4, 8)]),
        (3, 4, [(0, 3)]),
        (1, 1, [(0, 1)]),
        (3, 1, [(0, 1), (1, 2), (2, 3)]),
        (0, 4, []),
    ],
)
def test_tasks_cover_every_slot_once(num_samples, samples_per_shard, ranges):
    plan = make_plan(num_samples=num_samples, samples_per_shard=samples_per_shard)
    tasks = plan.tasks()
    assert [(task.start, task.stop) for task in tasks] == ranges
    assert [task.shard_index for task in tasks] == list(range(plan.num_shards))
    assert {task.fingerprint for task in tasks} <= {plan.fingerprint()}
    assert sum(task.num_slots for task in tasks) == num_samples


def test_a_larger_plan_keeps_its_full_tasks():
    small, large = make_plan(num_samples=10), make_plan(num_samples=30)
    assert large.tasks()[:2] == small.tasks()[:2]
    assert large.tasks()[2] != small.tasks()[2]


def with_more(plan: Plan, *first_slots: int) -> Plan:
    """Return a plan that has gained something from each of these slots on."""
    more = {"first_row": 0, "num_inputs": 1, "samples_per_image": 1, "first_number": 1}
    additions = [{"first_slot": first, **more} for first in first_slots]
    return dataclasses.replace(plan, source={**plan.source, "additions": additions})


def test_what_a_plan_gains_changes_the_shards_that_it_lies_in_and_no_others():
    small = make_plan(num_samples=10, samples_per_shard=4)
    large = with_more(dataclasses.replace(small, num_samples=30), 10, 16, 18)
    first, second, third, whole = large.fingerprints()
    assert (first, large.origin) == (small.fingerprint(), small.fingerprint())
    assert whole == large.fingerprint()
    assert len({first, second, third, whole}) == 4
    tasks = large.tasks()
    assert tasks[:2] == small.tasks()[:2]
    # Slots 8 to 12, 12 to 16, and 16 to 20 with two additions in it.
    assert [task.fingerprint for task in tasks[2:6]] == [second, second, whole, whole]
    assert tasks[2].earlier == ((10, first),)
    assert tasks[4].earlier == ((18, third),)
    assert not tasks[3].earlier
    assert tasks[2].shortened(10) == small.tasks()[2]
    assert tasks[4].shortened(18).fingerprint == third
    assert tasks[4].shortened(19).fingerprint == whole
    assert large.fingerprint(10) == first
    assert large.fingerprint(11) == second


def test_names_of_what_a_plan_gains_are_no_part_of_it():
    plan = with_more(make_plan(), 3)
    (addition,) = plan.source["additions"]
    named = {**addition, "name": "photos", "list_sha256": "ab"}
    told = dataclasses.replace(plan, source={**plan.source, "additions": [named]})
    assert told.fingerprint() == plan.fingerprint()
    assert Plan.from_dict(json.loads(canonical_json(told.to_dict()))) == told


def test_keys_have_nine_digits_and_no_dots():
    assert sample_key(42) == "000000042"
    assert sample_key(10**9 - 1) == "999999999"


def test_canonical_json_has_one_text_for_one_value():
    assert canonical_json({"b": 1.0, "a": ["é", None]}) == '{"a":["é",null],"b":1.0}'
    assert canonical_json({"b": 1, "a": 2}) == canonical_json({"a": 2, "b": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json_refuses_what_is_not_json(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"x": value})
