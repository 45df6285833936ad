"""The annotator on the page is one: the command runs it by its file."""

from pathlib import Path

from tests.annotated_sets import write_pictures
from tests.docs.pages import ROOT, blocks, read
from tests.runs import run_many, samples


def test_the_annotator_of_the_page_runs(tmp_path: Path) -> None:
    (code,) = [
        each.text
        for each in blocks(read(ROOT / "docs/annotate.md"))
        if each.text.startswith("# brightness.py")
    ]
    (tmp_path / "brightness.py").write_text(code)
    write_pictures(tmp_path / "sr")
    options = ["--add", "./brightness.py", "--set", "level=100", "--max-rejected", "1"]
    said, codes = run_many(tmp_path, ["annotate", "sr", *options], ["verify", "sr"])
    assert codes == [0, 0], said
    found = samples(tmp_path / "sr.annotations/brightness")
    assert found and all(set(sample) == {"bright.png", "json"} for sample in found)
