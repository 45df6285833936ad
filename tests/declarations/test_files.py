"""Generated files are up to date, and lie where they are read."""

from pathlib import Path

import pytest

from pairgen.config import packaged_configs
from pairgen.declarations import __main__ as program
from pairgen.declarations import files

ROOT = Path(__file__).parents[2]
# Files of Ray's launcher and of Kubernetes have their schemas elsewhere; what other programs are
# given has none.
FOREIGN = ("aws.yaml", "gcp.yaml", "hosts.yaml", "kuberay.yaml", "fastgen.yaml")
YAML_FILES = [
    path for path in sorted(packaged_configs().glob("*/*.yaml")) if path.name not in FOREIGN
]


def test_every_generated_file_is_up_to_date() -> None:
    assert not [str(path) for path in files.stale()], "run: make options"


def test_a_stale_file_is_named_and_written(tmp_path, monkeypatch, capsys) -> None:
    path = tmp_path / "options.md"
    path.write_text("old\n")
    monkeypatch.setattr(files, "generated", lambda: {path: "new\n"})
    monkeypatch.setattr("sys.argv", ["declarations", "--check"])
    assert program.main() == 1
    assert path.read_text() == "old\n"
    monkeypatch.setattr("sys.argv", ["declarations"])
    assert program.main() == 0
    assert path.read_text() == "new\n"
    assert capsys.readouterr().out == f"{path} is not up to date.\n{path} is written.\n"
    assert program.main() == 0
    assert not capsys.readouterr().out


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_packaged_file_names_its_schema_in_its_first_line(path: Path) -> None:
    kinds = {"train": "train", "models": "model", "degradations": "degradation"}
    kinds["cluster"] = "cluster"
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema=../{kinds[path.parent.name]}.schema.json"


def test_the_package_says_that_it_has_types() -> None:
    assert (ROOT / "pairgen/py.typed").is_file()
