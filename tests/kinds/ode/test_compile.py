"""`--compile`: the same samples to rounding, and the same bytes from process to process."""

import os
from pathlib import Path

import numpy as np
import pytest

from pairgen.execution.ray.options import actor_environment
from pairgen.execution.worker import Job
from pairgen.shards.format.codec import decode_array
from tests import warm
from tests.runs import samples, shas, words


@pytest.mark.slow
def test_compiled_samples_agree_with_eager_ones_and_repeat(sd15_folder: Path, tmp_path: Path):
    (tmp_path / "prompts.txt").write_text("a red heart\na blue book\n")
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}

    def make(name: str, *flags: str) -> Path:
        line = words(
            "ode",
            *flags,
            model=sd15_folder,
            prompts=tmp_path / "prompts.txt",
            cfg=8,
            steps=2,
            dtype="float32",
            batch_size=2,
            samples_per_shard=2,
            executor="serial",
            out=tmp_path / name,
        )
        result = warm.run(warm.AS_MODULE + line, env=environment)
        assert result.returncode == 0, result.stderr
        return tmp_path / name

    eager, compiled, again = make("eager"), make("compiled", "--compile"), make("2nd", "--compile")
    assert shas(again) == shas(compiled)
    for expected, found in zip(samples(eager), samples(compiled), strict=True):
        assert found["noise.npy"] == expected["noise.npy"]
        a, b = (np.float32(decode_array(each["latent.npy"])) for each in (expected, found))
        # Stored in float16, whose rounding alone is 2^-11.
        assert np.abs(a - b).max() <= 2**-9 * np.abs(a).max()


def test_actors_share_the_cache_of_compiled_kernels():
    job = Job(plan={"execution": {"cpu_threads": 3}}, store_url="")
    assert actor_environment(job, {"TORCHINDUCTOR_CACHE_DIR": "/shared", "HOME": "/root"}) == {
        "OMP_NUM_THREADS": "3",
        "TORCHINDUCTOR_CACHE_DIR": "/shared",
    }
    assert actor_environment(job, {}) == {"OMP_NUM_THREADS": "3"}
