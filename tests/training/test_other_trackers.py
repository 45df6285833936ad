"""Metrics and grids in wandb and mlflow, read back; where their packages are installed."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from accelerate import PartialState
from PIL import Image

from pairgen.training.loop.metrics import Metrics
from pairgen.training.loop.tracking import Tracking
from pairgen.training.options import TrainConfig

# A run of three steps, stopped after the second checkpoint and resumed: its last step twice.
PARTS = ((0, (1, 2, 3)), (2, (3,)))
BLOCK, HEADER = 32768, 7


def write_run(folder: Path, tracker: str) -> None:
    """Write the metrics of both parts, and a grid after the last step of each."""
    # accelerate's trackers log through it; a training has made one by then.
    PartialState()
    config = TrainConfig(method="regression", data=["pairs"], out="run", tracker=tracker)
    grid = folder / "grid.png"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(grid)
    for first, steps in PARTS:
        metrics = Metrics(folder, first, Tracking(config, folder, first))
        for step in steps:
            metrics.write(step, {"student/loss": 1 / step, "student/grad_norm": float("inf")})
        metrics.picture(steps[-1], grid)
        metrics.close()


def wandb_records(path: Path) -> Iterator[bytes]:
    """Yield the records of an offline run: a log of LevelDB behind seven bytes."""
    held, at, whole = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(held):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", held, at)
        whole += held[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):
            yield whole
            whole = b""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wandb_has_the_scalars_and_the_pictures(tmp_path: Path, monkeypatch):
    pytest.importorskip("wandb", exc_type=ImportError)
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    write_run(tmp_path, "wandb")
    runs, losses, pictures = [], [], []
    for path in sorted((tmp_path / "wandb").glob("offline-run-*/*.wandb")):
        for held in wandb_records(path):
            record = wandb_internal_pb2.Record.FromString(held)
            if record.WhichOneof("record_type") == "run":
                runs.append((record.run.project, record.run.run_id))
            row = {"/".join(i.nested_key) or i.key: i.value_json for i in record.history.item}
            if "student/loss" in row:
                losses.append((int(row["_step"]), float(row["student/loss"])))
            pictures += [name for name in row if name.startswith("grid")]
            assert "student/grad_norm" not in row
    assert len(set(runs)) == 1 and runs[0][0] == "pairgen"
    assert losses == [(1, 1), (2, 1 / 2), (3, 1 / 3), (3, 1 / 3)]
    assert (
        pictures and len(list(tmp_path.glob("wandb/offline-run-*/files/media/images/*.png"))) == 2
    )


@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_the_scalars_and_the_pictures(tmp_path: Path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", exc_type=ImportError)
    place = (tmp_path / "store").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    write_run(tmp_path, "mlflow")
    client = mlflow.MlflowClient(place)
    (experiment,) = [e for e in client.search_experiments() if e.name == "pairgen"]
    (run,) = client.search_runs([experiment.experiment_id])
    losses = client.get_metric_history(run.info.run_id, "student/loss")
    assert sorted((e.step, e.value) for e in losses) == [
        (1, 1),
        (2, 1 / 2),
        (3, 1 / 3),
        (3, 1 / 3),
    ]
    assert [e.path for e in client.list_artifacts(run.info.run_id, "grids")] == ["grids/grid.png"]
    assert set(run.data.metrics) == {"student/loss"}
