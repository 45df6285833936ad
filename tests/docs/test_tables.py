"""Tables of the documentation say what the configs say."""

import re

from pairgen import plugins
from tests.docs.pages import ROOT, read


def test_every_model_of_the_table_has_a_config_with_those_weights() -> None:
    folder = ROOT / "configs/models"
    text = read(ROOT / "docs/teachers.md")
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|", text, flags=re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(p.stem for p in folder.glob("*.yaml"))
    for name, weights in rows:
        if "/" in weights:
            assert weights.strip() in (folder / f"{name}.yaml").read_text()


def test_every_preset_of_the_table_has_a_config() -> None:
    section = read(ROOT / "docs/degrade.md").partition("## Presets\n")[2].partition("\n#")[0]
    named = re.findall(r"^\| `(\w[\w-]*)`", section, flags=re.MULTILINE)
    assert sorted(named) == sorted(p.stem for p in (ROOT / "configs/degradations").glob("*.yaml"))


def test_every_method_of_the_table_has_a_recipe() -> None:
    section = read(ROOT / "docs/train-a-student.md").partition("## Choose a method\n")[2]
    named = re.findall(r"^\| `([\w-]+)`", section.partition("\n## ")[0], flags=re.MULTILINE)
    recipes = {p.stem for p in (ROOT / "configs/train").glob("*.yaml")}
    assert sorted(named) == plugins.shown_names("methods")
    assert recipes == {*plugins.members("methods"), "latent-lpips"}
