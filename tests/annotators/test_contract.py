"""What every annotator of the family must keep; new files are found by themselves."""

from pathlib import Path

import pytest

import pairgen
from pairgen import plugins
from pairgen.annotators.base import Annotator, Setup
from pairgen.asked_model import Model
from pairgen.jobs.replay.run import run_replays
from pairgen.options import Options
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.adding import adding_command
from pairgen.shards.overlays.overlay import added_by
from pairgen.shards.storage.local_store import LocalStore
from tests.annotated_sets import picture_plan, write_pictures
from tests.runs import samples, shas
from tests.vision_models import (
    write_blip,
    write_clip,
    write_depth,
    write_dino,
    write_head,
    write_segformer,
)

NAMES = plugins.members("annotators")
# The models that annotators take, if not Stable Diffusion.
VISION = {
    "aesthetic": write_clip,
    "caption": write_blip,
    "clip": write_clip,
    "depth": write_depth,
    "dino": write_dino,
    "segmentation": write_segformer,
}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("contract") / "set", picture_plan(6))


@pytest.fixture
def options(name: str, tmp_path: Path) -> dict[str, str]:
    """The options without which an annotator cannot be built."""
    if name == "aesthetic":
        return {"head": str(write_head(tmp_path / "head.pth"))}
    if name != "tags":
        return {}
    table = tmp_path / "tags.csv"
    table.write_text("key,tags\n" + "".join(f"{i},tag {i}\n" for i in range(6)))
    return {"table": str(table)}


@pytest.fixture
def model(name: str, sd15_folder: Path, tmp_path: Path) -> Path:
    return VISION[name](tmp_path / name) if name in VISION else sd15_folder


@pytest.mark.parametrize("name", NAMES)
def test_it_declares_its_options_and_loads_nothing_before_it_is_opened(
    name, model, options
) -> None:
    declared = plugins.declared_options("annotators", name)
    assert declared is not None and issubclass(declared, Options)
    assert declared.command == f"the {name} annotator"
    found = Model(name="m", module="latent_diffusion", location=str(model), options={})
    setup = Setup(members=picture_plan().members, model=found)
    built: Annotator = plugins.build("annotators", name, setup=setup, **options)
    assert set(built.reads) <= set(setup.members)
    assert built.adds or built.facts
    assert not set(built.adds) & set(setup.members)
    # Whoever lacks one of them is told the command.
    for each in (*built.adds, *built.facts):
        command = adding_command(each, "set")
        assert command.startswith(f"pairgen annotate set --add {name}"), each
        assert ("--model MODEL" in command) == (name in VISION), each
    assert not built.distinct or built.distinct in built.reads
    # Equal twice: it is compared to the plan.
    assert plugins.build("annotators", name, setup=setup, **options).identity == built.identity


@pytest.mark.parametrize("name", NAMES)
def test_its_overlay_is_clean_equal_again_and_replays(
    name, parent, model, options, tmp_path
) -> None:
    options |= {"add": name, "model": str(model), "executor": "serial", "batch_size": 4}
    pairgen.annotate(parent, **options, out=str(tmp_path / "a"))
    pairgen.annotate(parent, **options, out=str(tmp_path / "b"))
    assert shas(tmp_path / "a") == shas(tmp_path / "b")
    report = pairgen.verify(tmp_path / "a")
    assert report.clean and not report.unread, report.table()
    plan = read_plan(LocalStore(tmp_path / "a"))
    assert added_by(plan)
    assert all(set(sample) == set(plan.members) for sample in samples(tmp_path / "a"))
    replays = run_replays(tmp_path / "a", ["0", "3", "5"])
    assert not any(each.differences for each in replays)
