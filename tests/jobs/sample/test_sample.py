"""`pairgen.sample` shows the samples that `pairgen.ode` stores, and fails as a whole."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.drawing.pictures import decode_latents, first_latents
from pairgen.errors import ConfigError, OutOfDeviceMemoryError, PairgenError
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.ode.sample_options import SAMPLER_OPTIONS, SampleConfig
from pairgen.shards.storage.store import open_store

PROMPTS = ["a red apple on a white background", "a 3d tiger", "a flat green house"]
TINY = {"model": "tiny", "steps": 2, "batch_size": 4, "seed": 5}
SMALL = {"model": "gaussian", "steps": 5, "batch_size": 4}


def facts_of(path: Path) -> dict:
    """Return the facts that a PNG carries."""
    with Image.open(path) as image:
        return json.loads(image.info["pairgen"])


def stored(tmp_path: Path, **options: object) -> tuple[list[str], np.ndarray, str]:
    """Make a dataset; return its prompts, decoded pictures and fingerprint."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS), encoding="utf-8")
    out = tmp_path / "pairs"
    manifest = pairgen.ode(**options, prompts=prompts, out=out, executor="serial")
    texts, _, latents = first_latents(open_store(out), manifest, manifest.num_samples)
    return texts, decode_latents(manifest, latents), manifest.plan.fingerprint()


def test_picture_i_is_the_decoded_sample_i_of_the_dataset(tmp_path: Path, one_thread: None) -> None:
    # Six of a batch shape of four: the last batch is padded, and every prompt has two noises.
    made = pairgen.sample(**TINY, prompts=PROMPTS, num_per_prompt=2, out=tmp_path / "grid.png")
    texts, pictures, fingerprint = stored(tmp_path, **TINY, num_samples=6)
    assert made.pictures.dtype == np.uint8 and made.pictures.shape == (6, 64, 64, 3)
    assert np.array_equal(made.pictures, pictures)
    assert list(made.prompts) == texts == PROMPTS * 2
    assert len({picture.tobytes() for picture in made.pictures}) == 6
    assert facts_of(made.path)["fingerprint"] == fingerprint


def test_several_scales_are_the_dataset_of_several_scales(tmp_path: Path) -> None:
    # More than the 64 slots of a shard of this model.
    options = {**SMALL, "cfg": (1, 8)}
    made = pairgen.sample(**options, prompts=PROMPTS, num_per_prompt=12, out=tmp_path / "grid.png")
    texts, pictures, _ = stored(tmp_path, **options, num_samples=72)
    assert np.array_equal(made.pictures, pictures)
    assert list(made.prompts) == texts
    assert made.guidance_scales == (1.0, 8.0) * 36


def test_the_facts_in_a_picture_make_it_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = {**SMALL, "cfg": "1,4", "num_per_prompt": 2, "seed": 7, "solver": "heun"}
    made = pairgen.sample(**options, prompts=["a fox", "日本の庭園"])
    assert made.path == tmp_path / "samples.png"
    facts = facts_of(made.path)
    assert facts["pairgen"] == pairgen.__version__
    assert [fact["index"] for fact in facts["pictures"]] == list(range(8))
    assert facts["pictures"][2]["prompt"] == "日本の庭園"
    again = pairgen.sample(**facts["options"], out="again.png")
    assert np.array_equal(made.pictures, again.pictures)
    assert made.path.read_bytes() == again.path.read_bytes()
    other = pairgen.sample(**{**facts["options"], "seed": 8}, out="other.png")
    assert not np.array_equal(made.pictures, other.pictures)


def test_a_picture_does_not_depend_on_the_prompts_after_it(tmp_path: Path) -> None:
    first = pairgen.sample(**SMALL, prompts=PROMPTS[0], out=tmp_path / "one.png")
    every = pairgen.sample(**SMALL, prompts=PROMPTS, out=tmp_path / "three.png")
    assert np.array_equal(first.pictures[0], every.pictures[0])


@pytest.fixture
def fragile(tmp_path: Path) -> str:
    """A model config that names the fragile teacher."""
    path = tmp_path / "fragile.yaml"
    path.write_text(
        "teacher: tests.fragile_teacher\noptions: {max_batch: 2}\n"
        "dtype: float16\nbatch_size: 2\nsamples_per_shard: 4\n"
    )
    return str(path)


@pytest.mark.parametrize("out", ["grid.png", "folder/", "new/grid.png"])
def test_a_picture_that_is_not_finite_fails_the_run_and_leaves_nothing(
    out: str, tmp_path: Path, fragile: str, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = r"Image 2 \('broken'\) cannot be shown: non-finite latent, also in float32"
    with pytest.raises(PairgenError, match=message) as caught:
        asked = {"model": fragile, "steps": 2, "dtype": "float16"}
        pairgen.sample(**asked, prompts=["a", "b", "broken"], out=out)
    assert caught.value.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fragile.yaml"]


def test_an_overflow_in_half_precision_is_tried_in_float32(tmp_path: Path, fragile: str) -> None:
    options = {"model": fragile, "steps": 2, "dtype": "float16", "prompts": ["a", "overflow"]}
    made = pairgen.sample(**options, out=tmp_path / "grid.png")
    assert [fact["float32_retry"] for fact in facts_of(made.path)["pictures"]] == [False, True]


def test_full_memory_names_a_smaller_batch(tmp_path: Path, fragile: str) -> None:
    with pytest.raises(OutOfDeviceMemoryError, match=r"batch of 4 does not fit.*--batch-size 2"):
        pairgen.sample(model=fragile, batch_size=4, prompts="a", out=tmp_path / "grid.png")


def test_the_options_that_decide_a_sample_are_those_of_ode() -> None:
    ode, shown = OdeConfig(), SampleConfig()
    assert all(getattr(ode, name) == getattr(shown, name) for name in SAMPLER_OPTIONS)
    config = SampleConfig(cfg="1,4", num_per_prompt=3, seed=9)
    dataset = config.ode_config(num_prompts=5)
    assert (dataset.num_samples, dataset.cfg, dataset.seed) == (30, (1.0, 4.0), 9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 3}, "Unknown key 'num_samples' in the options of pairgen sample"),
        ({"prompts": 7}, "prompts must be text, got 7"),
        ({"prompts": ["a", None]}, "prompts must be text, got None"),
        ({"num_per_prompt": 0}, "num_per_prompt must be an integer >= 1, got 0"),
        ({"columns": -1}, "columns must be an integer >= 1, got -1"),
        ({"captions": "no"}, "captions must be true or false, got 'no'"),
        ({"solver": "dimm"}, r"solver must be one of .*did you mean 'ddim'"),
        ({"cfg": ""}, "at least one guidance scale"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SampleConfig(**options)


def test_prompts_come_as_one_text_or_a_list() -> None:
    assert SampleConfig(prompts="a fox").prompts == ("a fox",)
    assert SampleConfig(prompts=["a", Path("b.txt")]).prompts == ("a", "b.txt")
