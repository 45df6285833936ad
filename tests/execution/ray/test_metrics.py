"""Metrics of a run on Ray, as Prometheus would collect them, and the dashboard that shows them."""

import json
import re
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.execution.ray.test_cluster import free_port, node, open_clusters, wait_for_nodes
from tests.runs import SMALL_SET, kill_group, start, wait_until
from tests.s3_server import Faults, bucket, faults, server

__all__ = ["bucket", "faults", "open_clusters", "server"]
DASHBOARD = Path(__file__).parents[3] / "configs/cluster/grafana.json"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_is_seen_by_prometheus(faults: Faults, bucket: str, tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    address = f"127.0.0.1:{port}"
    seen_waiting = threading.Event()

    def hold(method: str, path: str) -> None:
        """Let shards wait for their upload until they are seen to."""
        if method == "PUT" and re.search(r"/train/0000[3-9]", path):
            seen_waiting.wait(50)

    faults.now = hold

    def shown() -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(r"^(ray_pairgen\w+)\{.*\} ([0-9.e+-]+)$", text, flags=re.MULTILINE)
        return {name: float(value) for name, value in found}

    with node("--head", f"--port={port}", f"--metrics-export-port={metrics}", "--num-cpus=2"):
        wait_for_nodes(address, 1)
        # Metrics travel every ten seconds: the run would last longer.
        options = {**SMALL_SET, "num-samples": 80, "samples-per-shard": 2, "steps": 900}
        process = start(
            tmp_path / "log",
            "ode",
            **options,
            out=f"{bucket}/set",
            executor="ray",
            address=address,
        )
        wait_until(lambda: shown().get("ray_pairgen_samples_total", 0) > 0, seconds=180)
        wait_until(lambda: shown().get("ray_pairgen_upload_queue", 0) > 0, seconds=60)
        seen = shown()
        seen_waiting.set()
        kill_group(process)
    assert seen["ray_pairgen_samples_total"] == 2 * seen["ray_pairgen_shards_total"]
    assert 0 <= seen["ray_pairgen_busy_workers"] <= seen["ray_pairgen_workers"] <= 2
    assert 1 <= seen["ray_pairgen_upload_queue"] <= 2


def test_the_dashboard_shows_what_is_reported() -> None:
    pytest.importorskip("ray")
    from pairgen.execution.ray import metrics as told

    counters = {told.SHARDS, told.SAMPLES, told.FAILED, told.LOST}
    reported = {f"ray_{name}_total" for name in counters} | {
        f"ray_{name}" for name in (told.WORKERS, told.BUSY, told.UPLOADS)
    }
    text = DASHBOARD.read_text("utf-8")
    assert set(re.findall(r"ray_pairgen_\w+", text)) == reported
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"] and panel["targets"]
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")")
            assert 'dataset=~"$dataset"' in target["expr"]
