"""The notebook runs from its first to its last cell, and shows tables and pictures."""

import json
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="it comes with the extra `test`")
nbformat = pytest.importorskip("nbformat")

NOTEBOOK = Path(__file__).parents[2] / "examples/quickstart.ipynb"
# Of the notebook's own libraries.
OWN_WARNINGS = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    "path", sorted(NOTEBOOK.parent.glob("*.ipynb")), ids=lambda path: path.name
)
def test_a_notebook_is_stored_without_outputs(path: Path):
    cells = [each for each in json.loads(path.read_text())["cells"] if each["cell_type"] == "code"]
    assert cells
    for cell in cells:
        assert cell["outputs"] == [] and cell["execution_count"] is None
        assert cell["metadata"] == {}


@pytest.mark.slow
@OWN_WARNINGS
def test_the_quickstart_runs(tmp_path: Path):
    book = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    tables, num_pictures, said = [], 0, ""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            tables += [html] if "<table>" in html else []
            num_pictures += html.count("<img ")
            said += output.get("text", "") if output.output_type == "stream" else ""
    assert len(tables) == 8
    # Grids of the samples, the training and the evaluation; two HR and LR each; two samples.
    assert num_pictures == 3 + 4 + 2
    assert "8 of 8 samples" in said
    assert "Traceback" not in said
