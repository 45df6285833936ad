"""Verify: whatever is damaged in a list of inputs is named, and ends neither check nor process."""

from collections.abc import Callable
from pathlib import Path

import pytest

import pairgen
from pairgen.shards.format import layout


def make_ode(out: Path) -> Path:
    pairgen.ode(model="gaussian", cfg=4, steps=1, num_samples=4, out=str(out), executor="serial")
    return out / layout.PROMPTS


def make_collect(out: Path) -> Path:
    pairgen.collect(size=16, out=str(out), executor="serial")
    return out / layout.IMAGES


@pytest.mark.parametrize("make", [make_ode, make_collect])
@pytest.mark.parametrize("block", [b"\xff" * 4, bytes(32)], ids=["ones", "zeros"])
def test_damage_anywhere_in_a_list_of_inputs_is_no_crash(
    tmp_path: Path, make: Callable[[Path], Path], block: bytes
) -> None:
    path = make(tmp_path / "set")
    whole = path.read_bytes()
    kinds = set()
    for start in range(8, len(whole), 60):
        path.unlink()
        path.write_bytes(whole[:start] + block + whole[start + len(block) :])
        kinds |= {problem.kind for problem in pairgen.verify(path.parents[1]).problems}
    # As it was, and with what the sweep does not meet: a column of another name.
    path.write_bytes(whole)
    assert pairgen.verify(path.parents[1]).clean
    path.write_bytes(whole.replace(b"prompt", b"prompu").replace(b"caption", b"captiom"))
    assert {problem.kind for problem in pairgen.verify(path.parents[1]).problems} == {path.stem}
    assert path.stem in kinds
