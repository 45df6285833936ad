"""What goes wrong in mid-run: non-finite latents, full memory, a full disk, bad weights."""

import json
import os
import tarfile
from pathlib import Path

import pytest

import pairgen
from pairgen.errors import OutOfDeviceMemoryError, TeacherLoadError
from tests import warm
from tests.runs import run, shas, words

OPTIONS = {"cfg": 4, "steps": 5, "executor": "serial", "samples_per_shard": 4, "batch_size": 2}


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model config that names the fragile teacher."""
    return write_model(tmp_path)


def write_model(folder: Path, **options: object) -> str:
    path = folder / "fragile.yaml"
    lines = "".join(f", {key}: {json.dumps(value)}" for key, value in options.items())
    path.write_text(
        "teacher: tests.fragile_teacher\n"
        f"options: {{max_batch: 2{lines}}}\n"
        "dtype: float16\nbatch_size: 2\nsamples_per_shard: 4\n"
    )
    return str(path)


def write_prompts(folder: Path, prompts: list[str]) -> str:
    path = folder / "prompts.txt"
    path.write_text("\n".join(prompts))
    return str(path)


def test_a_non_finite_latent_is_tried_in_float32_and_else_leaves_its_key_unused(
    tmp_path: Path, model: str
) -> None:
    prompts = write_prompts(tmp_path, ["a", "overflow", "broken", "b", "c"])
    out = tmp_path / "out"
    asked = {**OPTIONS, "dtype": "float16", "model": model, "prompts": prompts}
    manifest = pairgen.ode(**asked, out=str(out))
    assert manifest.complete
    assert (manifest.num_samples, manifest.num_failed) == (4, 1)
    [failed] = manifest.receipts[0].failed
    assert failed.index == 2
    assert failed.reason == "non-finite latent, also in float32"
    facts = {
        name: json.loads(member)
        for name, member in members(out / "train/00000.tar").items()
        if name.endswith(".json")
    }
    # Later keys do not move.
    assert sorted(facts) == ["000000000.json", "000000001.json", "000000003.json"]
    assert [fact["float32_retry"] for fact in facts.values()] == [False, True, False]
    report = pairgen.verify(out)
    assert report.clean, report.table()


def test_a_retried_sample_has_the_bytes_of_a_float32_run(tmp_path: Path, model: str) -> None:
    prompts = write_prompts(tmp_path, ["overflow", "a"])
    both = [tmp_path / "half", tmp_path / "single"]
    for out, dtype in zip(both, ("float16", "float32"), strict=True):
        pairgen.ode(**OPTIONS, model=model, prompts=prompts, out=str(out), dtype=dtype)
    half, single = (members(out / "train/00000.tar") for out in both)
    assert half["000000000.latent.npy"] == single["000000000.latent.npy"]


def test_a_shard_left_empty_has_a_receipt_and_no_tar(tmp_path: Path, model: str) -> None:
    prompts = write_prompts(tmp_path, ["broken"] * 4 + ["fine"])
    out = tmp_path / "out"
    manifest = pairgen.ode(**OPTIONS, model=model, prompts=prompts, out=str(out))
    assert manifest.complete and manifest.receipts[0].count == 0
    assert sorted(shas(out)) == ["00001.parquet", "00001.tar"]
    assert pairgen.verify(out).clean


def test_too_many_failed_slots_exit_with_3(tmp_path: Path, model: str) -> None:
    prompts = write_prompts(tmp_path, ["broken", "fine"])
    result = run("ode", model=model, prompts=prompts, out=tmp_path / "out", cfg=4, steps=5)
    assert result.returncode == 3, result.stderr
    assert "1 sample failed" in result.stdout


def test_full_memory_names_a_smaller_batch_and_the_same_command_continues(
    tmp_path: Path, model: str
) -> None:
    prompts = write_prompts(tmp_path, list("abcdef"))
    options = {**OPTIONS, "model": model, "prompts": prompts, "out": str(tmp_path / "out")}
    with pytest.raises(OutOfDeviceMemoryError, match=r"batch of 4 does not fit.*--batch-size 2"):
        pairgen.ode(**{**options, "batch_size": 4})
    manifest = pairgen.ode(**{**options, "batch_size": 2})
    assert manifest.complete
    assert {receipt.made["batch_size"] for receipt in manifest.receipts} == {2}


def test_weights_that_cannot_be_loaded_stop_the_run_with_one_message(tmp_path: Path) -> None:
    options = {**OPTIONS, "prompts": write_prompts(tmp_path, ["a"]), "out": str(tmp_path / "out")}
    with pytest.raises(TeacherLoadError, match="These weights cannot be loaded"):
        pairgen.ode(**options, model=write_model(tmp_path, loads=False))


@pytest.mark.slow
@pytest.mark.ray
def test_weights_that_load_nowhere_stop_a_ray_run_with_one_message(tmp_path: Path) -> None:
    model = write_model(tmp_path, loads=False)
    prompts = write_prompts(tmp_path, ["a"])
    line = words(
        "ode", model=model, prompts=prompts, out=tmp_path / "out", executor="ray", num_workers=2
    )
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    result = warm.run(warm.AS_MODULE + line, timeout=120, env=environment)
    assert result.returncode == 2, result.stderr
    assert result.stderr.splitlines()[-1] == "Error: These weights cannot be loaded."
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    prompts, out = write_prompts(tmp_path, [f"prompt {i}" for i in range(64)]), tmp_path / "out"
    options = {"model": "gaussian", "cfg": 4, "steps": 5, "executor": "serial", "out": out}
    # No file may grow beyond 64 kB: the plan fits, a shard of 64 samples does not.
    small_files = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))\n"
    line = warm.AS_MODULE + words("ode", **options, prompts=prompts)
    result = warm.run(line, code=small_files + warm.COMMAND)
    assert result.returncode == 1, result.stderr
    assert "File too large" in result.stderr and "Traceback" not in result.stderr
    assert not list(out.glob("train/*")) and not list(out.glob("__meta__/tmp/*"))
    assert pairgen.ode(**{**options, "out": str(out)}).complete
    assert pairgen.verify(out).clean


def members(tar: Path) -> dict[str, bytes]:
    """Return the members of a tar by name."""
    with tarfile.open(tar) as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
    return found
