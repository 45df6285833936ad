"""Table, page and plot of a calibration, from a record made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pairgen.jobs.calibrate.page import error_plot, error_table, markdown_page, notes, verdict
from pairgen.kinds.ode.calibration import Calibration
from pairgen.kinds.ode.settings import Spread
from tests.kinds.ode.test_settings import DDIM_10, DPM_20, HALVED, REFERENCE, row

LEADING = replace(DDIM_10, start_time=901.0, setting=replace(DDIM_10.setting, spacing="leading"))
FOUND = Calibration(
    teacher={"name": "hand", "module": "gaussian", "identity": {}},
    question={
        "guidance_scales": [7.5],
        "negative_prompt": "",
        "end": "t0",
        "seed": 0,
        "num_prompts": 64,
        "noise_generator": "made up",
    },
    source={"name": "prompts.txt", "sha256": "", "num_inputs": 32},
    made={"batch_size": 16, "cpu_threads": 1, "device": "cpu", "versions": {"torch": "2"}},
    reference=REFERENCE.setting,
    tolerance=0.02,
    rows=(REFERENCE, HALVED, DDIM_10, LEADING, DPM_20),
    complete=True,
)


def test_the_table_ranks_marks_and_tells_starts():
    lines = [line.split() for line in error_table(FOUND).splitlines()]
    assert [line[0] for line in lines[1:]] == ["heun,", "heun,", "dpmpp_2m,", "ddim,", "ddim,"]
    assert lines[1][-1] == "reference" and lines[2][-2:] == ["reference", "halved"]
    assert " ".join(lines[3]) == "dpmpp_2m, logsnr 20 float32 999 40 1.8 3.6 10 cheapest"
    assert lines[4][4] == "901" and lines[5][4] == "999"


def test_the_notes_say_where_grids_start_and_how_sure_the_reference_is():
    told = notes(FOUND)
    assert "changes it by 0.05 % (90th percentile 0.1 %), below 0.2 %" in told[0]
    assert "starts at t = 999. Other grids start at: leading (t = 901)" in told[1]
    assert len(told) == 2
    doubtful = replace(FOUND, tolerance=0.005)
    assert "NOT below 0.05 %" in notes(doubtful)[0] and not doubtful.converged
    assert (
        "of several"
        in notes(replace(FOUND, question={**FOUND.question, "guidance_scales": [3.0, 7.5]}))[
            1
        ].lower()
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Cheapest within 2 %: dpmpp_2m, logsnr, 20 steps, end t0, float32: 1.8 % with 40 "),
        (
            {"tolerance": 0.01},
            "No setting is within 1 % of the converged ODE. The closest is dpmpp_2m, logsnr, 20 "
            "steps, end t0, float32: 1.8 %.",
        ),
        ({"complete": False}, "Not finished"),
    ],
)
def test_the_verdict_is_one_sentence(changes, text):
    assert text in verdict(replace(FOUND, **changes))


def test_page_and_record_tell_the_same():
    page = markdown_page(FOUND, "plot.png")
    assert verdict(FOUND) in page and "![Error over evaluations](plot.png)" in page
    assert "| dpmpp_2m, logsnr | 20 | float32 | 999 | 40 | 1.8 | 3.6 | 10 | cheapest |" in page
    assert "64 pairs of 32 prompts" in page
    assert Calibration.from_dict(FOUND.to_dict()) == FOUND
    assert FOUND.to_dict()["chosen"]["steps"] == 20


def test_a_plot_can_be_drawn_whatever_was_measured():
    broken = row("ddim", 5, None, 10, dtype="float16")
    exact = replace(DPM_20, errors={7.5: Spread(median=0.0, p90=0.0)})
    for rows in (FOUND.rows, (*FOUND.rows, broken), (REFERENCE, HALVED, exact)):
        assert np.asarray(error_plot(replace(FOUND, rows=rows))).std() > 1
