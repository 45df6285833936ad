"""What commands say of a shard that is made again, and of nothing to do."""

from pathlib import Path

from tests.runs import run_many, words

ODE = {"model": "gaussian", "cfg": 4, "steps": 4, "executor": "serial", "out": "set"}


def test_a_shard_that_is_made_again_is_told_and_so_is_nothing_to_remake(tmp_path: Path) -> None:
    make = words("ode", **ODE, num_samples=6, samples_per_shard=4)
    grow = words("ode", out="set", num_samples=8, executor="serial")
    said, codes = run_many(tmp_path, make, ["repair", "set"], grow)
    assert codes == [0, 0, 0], said
    assert "Nothing to remake in 2 shards." in said
    assert "Shard 00001 is made again, longer: it had 2 samples before the set grew." in said
    assert "4 of 8 samples (50 %) are done already." in said
