"""The committed results of the ablation."""

import json
import re
from pathlib import Path

import diffusion2gan_ablation as ablation

from tests import warm
from tests.pipelines.conftest import PIPELINES

CODE = "from diffusion2gan_ablation import main\nmain()"
PAGE = Path(__file__).parents[2] / "docs/diffusion2gan.md"


def test_the_committed_lines_are_of_known_arms_and_each_run_stands_once():
    lines = [json.loads(line) for line in ablation.RESULTS.read_text().splitlines()]
    runs = [(each["arm"], each["seed"], each["steps"], str(each["settings"])) for each in lines]
    assert len(set(runs)) == len(runs)
    assert all(each["options"] == ablation.ARMS[each["arm"]] for each in lines)
    assert all(each["figures"]["frechet_distance"] > 0 for each in lines)


def test_the_page_and_the_header_have_the_table_of_the_committed_lines():
    found = warm.run([ablation.__file__, "--minutes=0"], code=CODE, first=PIPELINES)
    table = found.stdout.split("\n\n")[0]
    assert table in PAGE.read_text()
    for arm, frechet, real in re.findall(r"^\| (.+?) \| (\S+) \| (\d\S+) \|", table, re.MULTILINE):
        assert re.search(rf"^ +{re.escape(arm)} +{frechet} .* {real}$", ablation.__doc__, re.M)
