"""Shell completion is click's: the documented lines complete commands, flags and values."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from pairgen.cli import cli

ROOT = Path(__file__).parents[2]


def complete(words: str, shell: str, instruction: str) -> list[str]:
    """Return what the shell is answered for the last of these words."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_PAIRGEN_COMPLETE": f"{shell}_{instruction}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    code = "import sys; sys.argv = ['pairgen']; from pairgen.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_commands_and_flags_are_completed():
    assert complete("pairgen calib", "bash", "complete") == ["plain,calibrate"]
    assert complete("pairgen ode --num-s", "bash", "complete") == ["plain,--num-samples"]
    assert "plain,--log-json" in complete("pairgen verify --", "bash", "complete")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_line_prints_what_the_shell_sources(shell: str):
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert f"_PAIRGEN_COMPLETE={shell}_source pairgen" in page
    script = complete("", shell, "source")
    assert any("_PAIRGEN_COMPLETE" in line and f"{shell}_complete" in line for line in script)


def completed(line: str) -> list[str]:
    """Return the values that click completes at the end of a line, with `type` if it is no text."""
    *words, typed = line.split(" ")[1:]
    found = ShellComplete(cli, {}, "pairgen", "_PAIRGEN_COMPLETE").get_completions(words, typed)
    return [each.value if each.type == "plain" else f"<{each.type}>" for each in found]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("pairgen ode --solver d", ["ddim", "dpmpp_2m"]),
        ("pairgen ode --solver=h", ["heun"]),
        ("pairgen ode --model s", ["sd15", "sd21", "sd21-base", "sdxl"]),
        ("pairgen restore --tagger ", ["tags", "caption"]),
        ("pairgen restore --tagger my/own", ["<file>"]),
        # No packaged name: a folder or file of the user's.
        ("pairgen ode --model ./", ["<file>"]),
        ("pairgen ode --spacing l", ["leading", "linspace", "logsnr"]),
        ("pairgen ode --prompts ", ["<file>"]),
        ("pairgen ode --steps ", []),
        ("pairgen train r", ["reflow", "regression"]),
        ("pairgen train yonos-", ["yonos-decoder"]),
        ("pairgen methods l", ["ladd", "latent-lpips"]),
        ("pairgen train regression --data ", ["<dir>"]),
        ("pairgen train regression --precision f", ["float32", "float16"]),
        ("pairgen annotate pairs --add c", ["canny", "caption", "clip"]),
        ("pairgen annotate pairs --add canny,c", ["canny,caption", "canny,clip"]),
        ("pairgen degrade --degradation b", ["bicubic", "bsrgan"]),
        ("pairgen calibrate --dtypes float32,f", ["float32,float16"]),
        ("pairgen calibrate --solvers heun/l", ["heun/leading", "heun/linspace", "heun/logsnr"]),
        ("pairgen cluster up l", ["local"]),
        ("pairgen cluster submit a", ["aws"]),
        ("pairgen verify ", ["<dir>"]),
        ("pairgen restore --model ", ["<dir>"]),
        ("pairgen eval run --beside ", []),
        ("pairgen restore --config ", ["<file>"]),
    ],
)
def test_values_are_completed(line: str, values: list[str]):
    assert completed(line) == values


def test_nothing_heavy_is_imported_to_complete_a_value():
    script = (
        "import sys; from click.shell_completion import ShellComplete\n"
        "from pairgen.cli import cli\n"
        "shell = ShellComplete(cli, {}, 'pairgen', '_PAIRGEN_COMPLETE')\n"
        "for words, typed in [(['ode', '--model'], 's'), (['train'], 'r'), (['annotate', 'd',"
        " '--add'], 'c'), (['degrade', '--degradation'], 'b'), (['cluster', 'up'], 'l')]:\n"
        "    assert shell.get_completions(words, typed)\n"
        "assert not {'torch', 'ray', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


def test_bash_completes_a_value(tmp_path: Path):
    command = tmp_path / "pairgen"
    code = "import sys; sys.argv[0] = 'pairgen'; from pairgen.cli import main; main()"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    command.chmod(0o755)
    script = (
        'eval "$(_PAIRGEN_COMPLETE=bash_source pairgen)"\n'
        "COMP_WORDS=(pairgen ode --solver d); COMP_CWORD=3\n"
        '_pairgen_completion pairgen d --solver; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    shown = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
    assert shown.stdout.split() == ["ddim", "dpmpp_2m"], shown.stderr
