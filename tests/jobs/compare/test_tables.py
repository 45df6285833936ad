"""The tables: short names, the best of a column, costs of several devices."""

from dataclasses import replace

import numpy as np
import pytest

from pairgen.asked_model import split_steps
from pairgen.jobs.compare.best import find_best
from pairgen.jobs.compare.content import in_order, short_names
from pairgen.jobs.compare.cost import cost_table
from pairgen.jobs.compare.facts import training_facts
from pairgen.jobs.compare.rows import Row
from pairgen.training.runs.record import SetRecord, TrainRecord

NUM = 100
SET = SetRecord(
    url="data/pairs",
    fingerprint="f" * 64,
    source_sha256="",
    seed=0,
    noise_generator="",
    num_samples=1000,
    evaluations=8000,
    seconds=5.0,
    devices=("cpu x86_64",),
    kind="ode",
)
RECORD = TrainRecord(
    method="regression",
    steps=10,
    batch_size=4,
    num_processes=2,
    seconds=7.0,
    device="cpu x86_64",
    sets=(SET,),
    num_trained=1234,
    num_weights=56789,
)


def row_of(scores: dict[str, np.ndarray], features: np.ndarray) -> Row:
    figures = {name: float(np.median(each)) for name, each in scores.items()}
    figures["frechet_distance"] = 1.0
    return Row("slot", {"figures": figures}, scores, features, {})


def test_the_best_of_a_column_is_clearly_better_than_the_next():
    rng = np.random.default_rng(0)
    reference = row_of({}, rng.normal(0, 1, (NUM, 64)).astype(np.float32))

    def model(error: float, psnr: float, off: float) -> Row:
        scores = {
            "latent_relative_rms": error + rng.normal(0, 0.01, NUM),
            "psnr_db": psnr + rng.normal(0, 0.1, NUM),
            "caption_cosine": rng.normal(0.5, 0.1, NUM),
        }
        return row_of(scores, reference.features + np.float32(off))

    rows = {"a": model(0.2, 20, 0.5), "b": model(0.3, 30, 0.1), "c": model(0.4, 10, 2)}
    best = {"latent_relative_rms": "a", "psnr_db": "b", "frechet_distance": "b"}
    assert find_best(rows, reference, None, {}, []) == best
    del best["frechet_distance"]
    assert find_best(rows, reference, None, {}, ["frechet_distance"]) == best
    # One model has nothing to be better than.
    assert find_best({"a": rows["a"]}, reference, None, {}, []) == {}


def test_edges_and_painted_pixels_have_a_best_too():
    rng = np.random.default_rng(1)
    features = rng.normal(0, 1, (NUM, 64)).astype(np.float32)

    def model(f1: float, error: float) -> Row:
        noise = rng.normal(0, 0.01, (2, NUM))
        row = row_of({"edge_f1": f1 + noise[0], "painted_error": error + noise[1]}, features)
        del row.facts["figures"]["frechet_distance"]
        return row

    rows = {"a": model(0.5, 20), "b": model(0.7, 30)}
    best = find_best(rows, row_of({}, features), None, {}, [])
    assert best == {"edge_f1": "b", "painted_error": "a"}


def test_rows_of_a_model_are_sorted_by_steps():
    def row(slot: str, role: str, steps: int = 0) -> Row:
        facts = {"role": role, "steps": steps, "model": {"place": f"/{slot[0]}"}}
        return Row(slot, facts, {}, np.zeros((0, 64)), {})

    rows = [
        *(row(f"a{steps}", "model", steps) for steps in (4, 1, 2)),
        *(row(f"b{steps}", "model", steps) for steps in (2, 1)),
        *(row(f"c{steps}", "model", steps) for steps in (8, 1)),
        *(row(f"teacher{steps}", "teacher", steps) for steps in (2, 1)),
        *(row(name, "reference") for name in ("given", "target")),
    ]
    # What was asked for: references first, then c in 8 steps, a in 4 and 1.
    asked = ["target", "given", "c8", "a4", "a1", "teacher2"]
    assert [each.slot for each in in_order(rows, asked)] == [
        *("target", "given", "c1", "c8", "a1", "a2", "a4", "b1", "b2", "teacher1", "teacher2")
    ]


def test_names_are_as_short_as_they_can_be():
    places = {"/runs/add/student", "/runs/ladd/student", "tiny", "/runs/add/x2"}
    assert short_names(places) == {
        "/runs/add/student": "add/student",
        "/runs/ladd/student": "ladd/student",
        "tiny": "tiny",
        "/runs/add/x2": "x2",
    }


def test_steps_follow_an_at_sign_unless_a_folder_is_named_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert split_steps("runs/add@1,2,4") == ("runs/add", ("1", "2", "4"))
    assert split_steps("owner/name@4") == ("owner/name", ("4",))
    for whole in ("runs/add", "me@home", "runs/a@b/c", "@4", "add@", "add@1,"):
        assert split_steps(whole) == (whole, ())
    (tmp_path / "run@4").mkdir()
    assert split_steps("run@4") == ("run@4", ())
    assert split_steps("run@4@2") == ("run@4", ("2",))


@pytest.mark.parametrize("device", ["cpu x86_64", "NVIDIA H200"])
def test_costs_of_different_devices_are_marked(device):
    def model(name: str, record: TrainRecord | None) -> dict:
        training = training_facts(record) if record else None
        return {"role": "model", "place": name, "training": training}

    other = replace(RECORD, device=device, before=(replace(RECORD, name="x2"),), num_trained=0)
    models = [model("/a", RECORD), model("/a", RECORD), model("/b", other), model("tiny", None)]
    table = cost_table({"models": models})
    lines = [line.split() for line in table.splitlines()]
    # 10 steps of 4 samples of 3 evaluations; 8,000 for the data; two processes of 7 s.
    different = device != "cpu x86_64"
    seconds = "(14)" if different else "14"
    assert lines[1] == ["a", "regression", "10", "4", "120", "8,120", seconds, "1,234", "56,789"]
    assert lines[2] == ["b", "regression", "10", "4", "120", "8,240", seconds, "-", "56,789"]
    assert "a: data/pairs (ode, 1,000 samples); on cpu x86_64" in table
    assert "b: data/pairs (ode, 1,000 samples); after x2; on" in table
    assert "No training is known of tiny." in table
    assert ("( ) seconds of different devices: NVIDIA H200, cpu x86_64." in table) == different
    assert cost_table({"models": models[-1:]}) == ""
