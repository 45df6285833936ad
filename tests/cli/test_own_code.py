"""A user's own code is part of what it made: recorded, compared, refused when it has changed."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

from pairgen.own_code.record import modules_in, others_in
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.runs import run_many

ROOT = Path(__file__).parents[2]
GAUSSIAN = yaml.safe_load((ROOT / "configs/models/gaussian.yaml").read_text())
SERIAL = ("--executor", "serial")
OPERATION = "from my_helper import KNOWN\nfrom pairgen.degradations.isotropic_blur import *\n"
# A part of the annotator is imported by name, when the first sample is made.
ANNOTATOR = """
import importlib
import numpy as np
from pairgen.annotators.base import Added, Annotator, picture_member

def build(*, setup):
    picture = picture_member(setup.members)

    def annotate(samples):
        value = importlib.import_module("my_" + "helper").KNOWN
        return [Added({"own.npy": np.float32([value])}, {}) for _ in samples]

    spec = {"dtype": "float32", "shape": [1]}
    return Annotator(reads=(picture,), adds={"own.npy": spec}, open=lambda _: annotate)
"""
LATE = """
import sys
from pairgen.degradations.isotropic_blur import IsotropicBlur

class build(IsotropicBlur):
    def apply(self, image, draw, target):
        self.later()
        return super().apply(image, draw, target)

    def apply_batch(self, batch, draws, targets):
        self.later()
        return super().apply_batch(batch, draws, targets)

    def later(self):
        count.append(1)
        if len(count) > 3:
            import my_helper

count = []
"""
DEGRADE = ("degrade", "--scales", "2", "--crop", "64", "--samples-per-shard", "2", *SERIAL)
ODE = ("ode", "--model", "own.yaml", "--cfg", "1", "--steps", "2", "--num-samples", "4", *SERIAL)
LINES = {
    "operation": (*DEGRADE, "--degradation", "./own.yaml", "--out", "set"),
    "its import": (*DEGRADE, "--degradation", "./own.yaml", "--out", "set"),
    "teacher": (*ODE, "--samples-per-shard", "2", "--batch-size", "2", "--out", "set"),
    "annotator": ("annotate", "parent", "--add", "./my_part.py", "--out", "set", *SERIAL),
}
CHANGED = {"operation": "my_part", "its import": "my_helper", "teacher": "my_part"}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set to annotate. Do not change it."""
    desk = tmp_path_factory.mktemp("parent")
    said, codes = run_many(desk, [*DEGRADE, "--out", "parent"])
    assert codes == [0], said
    return desk / "parent"


def make_desk(desk: Path, what: str, parent: Path) -> Path:
    """Write a user's own part, and a module that it imports, to a folder."""
    desk.mkdir()
    (desk / "my_helper.py").write_text("KNOWN = 1\n")
    if what == "teacher":
        (desk / "my_part.py").write_text("from pairgen.teachers.gaussian import *\n")
        (desk / "own.yaml").write_text(yaml.safe_dump({**GAUSSIAN, "teacher": "./my_part.py"}))
    elif what == "annotator":
        (desk / "my_part.py").write_text(ANNOTATOR)
        shutil.copytree(parent, desk / "parent")
    else:
        (desk / "my_part.py").write_text(OPERATION)
        preset = {"levels": ["./my_part.py", "resize_to_target"]}
        (desk / "own.yaml").write_text(yaml.safe_dump(preset))
    return desk


def change(desk: Path, module: str) -> None:
    with (desk / f"{module}.py").open("a") as file:
        file.write("# Another one.\n")


def undo_last(folder: Path) -> None:
    """Take the second of a set's two shards away."""
    for path in ("__meta__/shards/00001.json", "__meta__/index/00001.parquet", "train/00001.tar"):
        (folder / path).unlink()


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def codes_of(folder: Path) -> list[str]:
    """Return the recorded hashes of a set's shards."""
    files = sorted(folder.glob("__meta__/shards/*.json"))
    return [json.loads(path.read_text())["made"].get("code", "") for path in files]


@pytest.mark.parametrize("what", LINES)
@pytest.mark.timeout(300)
def test_changed_code_is_refused_unless_it_is_accepted(
    tmp_path: Path, parent: Path, what: str
) -> None:
    desk, module = make_desk(tmp_path / "desk", what, parent), CHANGED.get(what, "my_helper")
    line = list(LINES[what])
    said, codes = run_many(desk, line)
    assert codes == [0], said
    plan = read_plan(LocalStore(desk / "set"))
    assert plan.code["modules"]["my_part"]
    assert set(codes_of(desk / "set")) == {plan.code["sha256"]}
    undo_last(desk / "set")
    change(desk, module)
    before = content(desk / "set")
    repair = ["repair", "set", "--trust-code", *SERIAL]
    replay = ["replay", "set", "0", "--trust-code"]
    dry = [*line, "--dry-run"]
    said, codes = run_many(desk, line, repair, replay, dry)
    assert codes == [2, 2, 2, 2], said
    was = plan.code["modules"][module][:12]
    assert said.count(f"{module} (was {was}, is ") == 4
    assert content(desk / "set") == before
    said, codes = run_many(desk, [*line, "--accept-changed-code"], ["verify", "set"], repair)
    assert codes == [0, 0, 0], said
    assert f"Changed code is accepted: {module} (was {was}" in said
    first, second = codes_of(desk / "set")
    assert first == plan.code["sha256"] != second
    assert f"Own code {first[:12]}: shard 00000." in said
    assert f"Own code {second[:12]}: shard 00001; changed: {module} (was {was}" in said
    after = read_plan(LocalStore(desk / "set"))
    assert after.fingerprint() == plan.fingerprint()
    assert (after.code["sha256"], after.code["others"][0]["sha256"]) == (second, first)


def test_a_set_without_a_record_goes_on_and_says_so(tmp_path: Path, parent: Path) -> None:
    desk = make_desk(tmp_path / "desk", "operation", parent)
    line = [*LINES["operation"]]
    said, codes = run_many(desk, line)
    assert codes == [0], said
    undo_last(desk / "set")
    path = desk / "set/__meta__/plan.yaml"
    plan = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({name: it for name, it in plan.items() if name != "code"}))
    receipt = desk / "set/__meta__/shards/00000.json"
    old = json.loads(receipt.read_text())
    del old["made"]["code"], old["own_sha256"]
    receipt.write_text(json.dumps(old))
    change(desk, "my_part")
    said, codes = run_many(
        desk, line, ["verify", "set"], ["replay", "set", "0", "--trust-code"], line
    )
    assert codes == [0, 0, 0, 0], said
    assert said.count("has no record of your own code") == 1
    sha256 = read_plan(LocalStore(desk / "set")).code["sha256"]
    assert "Own code not recorded: shard 00000." in said
    assert f"Own code {sha256[:12]}: shard 00001." in said
    assert "own code: there not recorded" in said
    change(desk, "my_part")
    said, codes = run_many(desk, line)
    assert codes == [2], said


def test_a_record_of_a_stranger_is_shown_only_where_it_is_one() -> None:
    sha256 = "0" * 64
    modules = {"a.b": sha256, "a\x1b[2J": sha256, "c": "no hash", 3: sha256}
    record = {"modules": modules, "others": [{"modules": modules}, 3, {"modules": []}]}
    assert modules_in(record) == {"a.b": sha256}
    assert [each["modules"] for each in others_in(record)] == [{"a.b": sha256}]
    for odd in (None, 3, [], {"modules": 3, "others": 3}):
        assert not modules_in(odd) and not others_in(odd)


def test_a_set_of_pairgens_own_parts_records_nothing(parent: Path) -> None:
    assert "code" not in yaml.safe_load((parent / "__meta__/plan.yaml").read_text())
    for path in parent.glob("__meta__/shards/*.json"):
        assert not {"code"} & {*(found := json.loads(path.read_text())), *found["made"]}


def test_a_module_that_is_imported_later_is_named_as_not_covered(
    tmp_path: Path, parent: Path
) -> None:
    desk = make_desk(tmp_path / "desk", "operation", parent)
    (desk / "my_part.py").write_text(LATE)
    said, codes = run_many(desk, LINES["operation"])
    assert codes == [0], said
    assert "so not covered by the recorded code: my_helper." in said
    assert [*read_plan(LocalStore(desk / "set")).code["modules"]] == ["my_part"]


METHOD = "from my_helper import KNOWN\nfrom pairgen.methods.regression import *\n"
TRAIN = ("train", "./my_part.py", "--data", "pairs", "--batch-size", "2", "--out", "run")
QUIET = ("--set", "num_grid_prompts=1")


@pytest.mark.parametrize("module", ["my_part", "my_helper"])
@pytest.mark.timeout(300)
def test_a_training_with_changed_code_is_refused_unless_it_is_accepted(
    tmp_path: Path, parent: Path, module: str
) -> None:
    desk = make_desk(tmp_path / "desk", "operation", parent)
    (desk / "my_part.py").write_text(METHOD)
    pairs = ["ode", "--model", "tiny", "--cfg", "1", "--steps", "1", "--num-samples", "4"]
    first = [*TRAIN, *QUIET, "--steps", "1"]
    said, codes = run_many(desk, [*pairs, "--batch-size", "2", "--out", "pairs"], first)
    assert codes == [0, 0], said
    record = json.loads((desk / "run/record.json").read_text())["code"]
    state = json.loads((desk / "run/checkpoints/00000001/state.json").read_text())["code"]
    assert record == state
    assert [*state["modules"]] == ["my_helper", "my_part"]
    change(desk, module)
    before = content(desk / "run")
    on = ["train", "my_part", "--resume", "--out", "run", *QUIET, "--steps", "2"]
    said, codes = run_many(desk, on)
    assert codes == [2], said
    assert f"{module} (was {state['modules'][module][:12]}, is " in said
    assert content(desk / "run") == before
    said, codes = run_many(desk, [*on, "--accept-changed-code"])
    assert codes == [0], said
    after = json.loads((desk / "run/record.json").read_text())["code"]
    assert after["others"] == [{"sha256": state["sha256"], "modules": state["modules"]}]
    assert after["sha256"] != state["sha256"]
