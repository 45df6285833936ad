"""Fixtures that several test files share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read when torch is loaded, here and in what tests start. Tests run beside each other, and threads
# that wait would keep the cores busy that others compute on.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pairgen.process_state import cpu_threads
from tests import true_classes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all tests that start a Ray cluster, where several run tests.

    Slow tests begin first, so that none is left alone at the end.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("ray"))
            # Ray's workers are nice: beside the other process they take their time.
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread, so that equal arithmetic gives equal bits."""
    with cpu_threads(1):
        yield


@pytest.fixture(scope="session")
def sd15_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random Stable Diffusion 1.5: predicts eps, latents [4, 8, 8]. Do not change it."""
    return true_classes.write_sd15(tmp_path_factory.mktemp("models") / "sd15")


@pytest.fixture(scope="session")
def sd21_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random Stable Diffusion 2.1: predicts v, latents [4, 8, 8]. Do not change it."""
    return true_classes.write_sd21(tmp_path_factory.mktemp("models") / "sd21")


@pytest.fixture(scope="session")
def sdxl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random SDXL: two text encoders, latents [4, 8, 8]. Do not change it."""
    return true_classes.write_sdxl(tmp_path_factory.mktemp("models") / "sdxl")


@pytest.fixture(scope="session")
def pixel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random pixel-space model: three named classes, null class 3. Do not change it."""
    folder = tmp_path_factory.mktemp("models") / "pixels"
    return true_classes.write_pixels(folder, ("a red heart", "a blue book", "a cat"))


@pytest.fixture(scope="session")
def unconditional_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random pixel-space model without classes. Do not change it."""
    return true_classes.write_pixels(tmp_path_factory.mktemp("models") / "unconditional")
