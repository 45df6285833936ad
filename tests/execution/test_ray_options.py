"""What actors ask Ray for, by what the cluster has."""

import pytest

from pairgen.execution.ray_options import RayOptions, share_of

HEAD = {"node:__internal_head__": 1.0, "memory": 1e9}


@pytest.mark.parametrize(
    ("resources", "gpus_per_worker", "num_workers", "share"),
    [
        ({**HEAD, "CPU": 8.0}, 1.0, 2, {"num_gpus": 0, "num_cpus": 1.0}),
        ({**HEAD, "CPU": 2.0}, 1.0, 3, {"num_gpus": 0, "num_cpus": 0.6666}),
        ({**HEAD, "CPU": 8.0, "GPU": 4.0}, 0.5, 8, {"num_gpus": 0.5, "num_cpus": 0}),
        ({**HEAD, "CPU": 8.0, "GPU": 4.0}, 0.0, 8, {"num_gpus": 0, "num_cpus": 1.0}),
        # A head alone that takes no work: machines come when GPUs are asked for.
        (HEAD, 1.0, 8, {"num_gpus": 1.0, "num_cpus": 0}),
        (HEAD, 0.0, 1, {"num_gpus": 0, "num_cpus": 1.0}),
    ],
)
def test_actors_ask_for_what_there_is_or_is_to_be(
    resources: dict[str, float], gpus_per_worker: float, num_workers: int, share: dict[str, float]
) -> None:
    options = RayOptions(num_workers=0, gpus_per_worker=gpus_per_worker, address="")
    assert share_of(resources, options, num_workers) == share
