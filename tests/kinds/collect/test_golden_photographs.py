"""The photographs of the golden corpus, collected: pixels that must not change unnoticed."""

import hashlib
import json
from pathlib import Path

import pairgen
from pairgen.jobs.collect.run import run_collect
from pairgen.sources.photographs import decode_rgb
from tests.golden.reading import CORPUS, FOLDER
from tests.runs import samples

PHOTOGRAPHS = FOLDER / CORPUS / "photographs"


def test_each_photograph_is_taken_or_has_its_reason(tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = {"images": str(PHOTOGRAPHS), "size": 48, "executor": "serial", "out": str(out)}
    result = run_collect({**given, "min_sharpness": 5})
    assert [json.loads(each["json"])["image"] for each in samples(out)] == ["bars.jpg", "rings.png"]
    assert all(each["txt"] for each in samples(out))
    source = result.manifest.plan.source
    lines = (out / "__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert [json.loads(line)["image"] for line in lines] == ["torn.jpg"]
    assert (source["num_inputs"], source["num_rejected"], source["num_skipped"]) == (3, 1, 0)
    # The grey fog is flat.
    assert (result.manifest.num_samples, result.manifest.num_skipped) == (2, 1)
    assert pairgen.verify(out).clean


def test_resized_pixels_are_those_that_were(tmp_path: Path) -> None:
    options = {"size": 40, "crop": "random", "flip": True, "seed": 7, "executor": "serial"}
    image = str(PHOTOGRAPHS / "rings.png")
    assert pairgen.collect(images=image, out=str(tmp_path / "out"), **options).complete
    (sample,) = samples(tmp_path / "out")
    facts = json.loads(sample["json"])
    assert (facts["resized_width"], facts["resized_height"]) == (53, 40)
    assert (facts["top"], facts["left"], facts["flip"]) == (0, 6, True)
    # Pillow resizes in integers: equal on every machine.
    digest = hashlib.sha256(decode_rgb(sample["png"]).tobytes()).hexdigest()
    assert digest == "3a46a54fabbfc06300dfa7df6be6592e75682bd0733c2f6554c1d5d175641ec8"
