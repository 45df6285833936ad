"""Without a GPU a model computes in float32, whatever its file names, and that is told."""

from pathlib import Path

import pytest
import torch
import yaml

import pairgen
from pairgen.jobs.ode.inputs import resolve_ode
from pairgen.jobs.ode.run import run_ode
from pairgen.jobs.sample.run import run_sample
from pairgen.kinds.usual_dtype import say_dtype, usual_dtype
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.listening import SETTINGS, listening

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def told(own: str, dtype: str) -> list[str]:
    lines: list[str] = []
    say_dtype(own, dtype, lines.append)
    return lines


def test_float32_is_usual_without_a_gpu() -> None:
    assert usual_dtype("float16") == "float32"
    assert told("float16", "float32") == [
        "No GPU is seen: computing in float32 instead of float16 (--dtype)."
    ]
    assert told("float32", "float32") == []
    assert told("float16", "bfloat16") == [
        "No GPU is seen: bfloat16 takes many times as long as float32 on most CPUs."
    ]


def test_a_cluster_may_have_gpus(sd15_folder: Path, tmp_path: Path) -> None:
    asked = {"model": str(sd15_folder), "out": str(tmp_path / "out")}
    # Before a run, a server has to answer there as a head does.
    with listening(SETTINGS) as address:
        on_it = {**asked, "address": address}
        assert resolve_ode(on_it).config.dtype == "float16"
        assert resolve_ode({**on_it, "executor": "serial"}).config.dtype == "float32"
    assert resolve_ode(asked).config.dtype == "float32"
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_file_of_ours_computes_in_float32(
    sd15_folder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    asked = {"model": str(sd15_folder), "num_samples": 1, "steps": 1, "executor": "serial"}
    run_ode({**asked, "out": str(tmp_path / "usual")}, said.append)
    assert "No GPU is seen: computing in float32 instead of float16 (--dtype)." in said
    assert read_plan(open_store(str(tmp_path / "usual"))).execution["dtype"] == "float32"
    # What is typed stays.
    said.clear()
    run_ode({**asked, "dtype": "bfloat16", "out": str(tmp_path / "typed")}, said.append)
    assert "No GPU is seen: bfloat16 takes many times as long as float32 on most CPUs." in said
    assert read_plan(open_store(str(tmp_path / "typed"))).execution["dtype"] == "bfloat16"


def test_a_set_goes_on_in_the_dtype_that_it_began_with(sd15_folder: Path, tmp_path: Path) -> None:
    asked = {
        "model": str(sd15_folder),
        "steps": 1,
        "executor": "serial",
        "out": str(tmp_path / "a"),
    }
    pairgen.ode(**asked, num_samples=2, samples_per_shard=1, dtype="bfloat16")
    pairgen.ode(**asked, num_samples=3)
    assert read_plan(open_store(str(tmp_path / "a"))).execution["dtype"] == "bfloat16"


def test_a_model_file_names_the_dtype_for_gpus(sd15_folder: Path, tmp_path: Path) -> None:
    config, said = tmp_path / "half.yaml", list[str]()
    numbers = {"dtype": "float16", "batch_size": 1, "samples_per_shard": 1}
    config.write_text(
        yaml.safe_dump({"teacher": "latent_diffusion", "location": str(sd15_folder), **numbers})
    )
    asked = {"model": str(config), "prompts": ["a cat"], "steps": 1}
    run_sample({**asked, "out": str(tmp_path / "a.png")}, said.append)
    assert "No GPU is seen: computing in float32 instead of float16 (--dtype)." in said
