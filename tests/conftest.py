"""Fixtures that several test files share.

They import what they need when they are used: where several processes run tests, one more reads
this file and runs none.
"""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read when torch is loaded, here and in what tests start. Tests run beside each other, and threads
# that wait would keep the cores busy that others compute on.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Every process that a test starts would compile all of pairgen anew, most of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from tests import warm


def pytest_configure(config: pytest.Config) -> None:
    """Start what runs commands for tests, once for all processes that run tests."""
    sys.dont_write_bytecode = False
    if not hasattr(config, "workerinput"):
        warm.listen()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all tests that start a Ray cluster, where several run tests.

    Slow tests begin first, so that none is left alone at the end, and first of all those that
    share a cluster.
    """
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, not _uses_cluster(item)))
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("ray"))
            # Ray's workers are nice: beside the other process they take their time.
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))


def pytest_collection_finish() -> None:
    """Keep what is imported by now out of the garbage collector's rounds, a fifth of the time."""
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the cluster behind the last of the tests in turn that share it."""
    if _uses_cluster(item) and not (nextitem and _uses_cluster(nextitem)):
        import ray

        ray.shutdown()


def _uses_cluster(item: pytest.Item) -> bool:
    return "cluster" in getattr(item, "fixturenames", ())


@pytest.fixture
def cluster() -> None:
    """A Ray cluster of this machine, with two CPUs; tests that are not about it share one."""
    import ray

    if not ray.is_initialized():
        # Actors of pairgen take none of the workers that Ray starts in advance.
        os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
        ray.init(address="local", include_dashboard=False, log_to_driver=False, num_cpus=2)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread, so that equal arithmetic gives equal bits."""
    from pairgen.process_state import cpu_threads

    with cpu_threads(1):
        yield


@pytest.fixture(scope="session")
def sd15_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random Stable Diffusion 1.5: predicts eps, latents [4, 8, 8]. Do not change it."""
    from tests import true_classes

    return true_classes.write_sd15(tmp_path_factory.mktemp("models") / "sd15")


@pytest.fixture(scope="session")
def sd21_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random Stable Diffusion 2.1: predicts v, latents [4, 8, 8]. Do not change it."""
    from tests import true_classes

    return true_classes.write_sd21(tmp_path_factory.mktemp("models") / "sd21")


@pytest.fixture(scope="session")
def sdxl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random SDXL: two text encoders, latents [4, 8, 8]. Do not change it."""
    from tests import true_classes

    return true_classes.write_sdxl(tmp_path_factory.mktemp("models") / "sdxl")


@pytest.fixture(scope="session")
def pixel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random pixel-space model: three named classes, null class 3. Do not change it."""
    from tests import true_classes

    folder = tmp_path_factory.mktemp("models") / "pixels"
    return true_classes.write_pixels(folder, ("a red heart", "a blue book", "a cat"))


@pytest.fixture(scope="session")
def unconditional_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random pixel-space model without classes. Do not change it."""
    from tests import true_classes

    return true_classes.write_pixels(tmp_path_factory.mktemp("models") / "unconditional")
