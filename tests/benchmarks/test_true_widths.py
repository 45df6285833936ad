"""The trainings at true widths run; here with a few channels."""

import sys
from pathlib import Path

import pytest
import true_widths

SMALL = ["--small", "--latent-size", "8", "--steps", "1", "--batch-size", "1"]


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["true_widths.py", *words])
    true_widths.main()


@pytest.mark.slow
@pytest.mark.parametrize("own", [["--trains", "branch"], ["--lora-rank", "2"]])
def test_codi_trains_and_its_student_samples(own, tmp_path: Path, capfd, monkeypatch, one_thread):
    run(monkeypatch, "codi", *own, *SMALL, "--folder", str(tmp_path))
    told = capfd.readouterr().out
    assert "kept.target.safetensors: " in told and "student/consistency " in told
    assert "its 4 evaluations and the decoding took " in told
    assert (tmp_path / "run/lora").exists() == ("--lora-rank" in own)
    assert (tmp_path / "run/student/unet").exists() == ("--lora-rank" in own)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["yonos", "--trains", "branch"], "--trains is for codi, not for yonos"),
        (["osediff", "--lora-rank", "4"], "--lora-rank is for add, codi, ladd, yonos and"),
    ],
)
def test_options_of_other_methods_are_refused(words, message, capsys, monkeypatch):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *words)
    assert message in capsys.readouterr().err
