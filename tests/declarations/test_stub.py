"""A user's script is checked by the stub, and the stub says what the calls say."""

import ast
import inspect
from pathlib import Path

import pytest

import pairgen
from pairgen.config import packaged_assets
from pairgen.declarations.stub import stub

# What is wrong on a line stands behind it.
SCRIPT = """\
from pathlib import Path

import pairgen
from pairgen.receipts import Manifest

made: Manifest = pairgen.ode(model="tiny", cfg=[3, 8], steps=20, solver="heun", out=Path("pairs"))
made = pairgen.ode(cfg=8, trajectory="999,499", prompts=["a.txt", Path("b.txt")], compile=True)
made = pairgen.degrade(images="photos", scales=(4, 8), crops="tiled", trust_code=True)
done: int = pairgen.train("regression", data="pairs", lr=1e-4, distance="mse", gan_weight=1).step
done = pairgen.train("regression", out="run", resume=True, players={"critic": {"lr": 0.1}}).step
clean: bool = pairgen.verify("pairs", quick=True).clean
pairgen.evaluate("run", data="held-out", teacher_steps=[1, 4])
pairgen.inspect("pairs", "000000001", grid="grid.png", num=4)
print(pairgen.replay("pairs", "000000001"), pairgen.__version__, made.complete, done, clean)

two = [pairgen.TrainingSet("pairs", weight=2.0), pairgen.TrainingSet("more")]
loader = pairgen.Loader(two, fields=["noise.npy", "latent.npy"], batch_size=8)
for batch in loader:
    print(batch["latent.npy"].shape)

pairgen.ode(steps="x")  # "steps"
pairgen.ode(setps=5)  # "setps"
pairgen.ode(solver="dimm")  # "solver"
pairgen.degrade(images=3)  # "images"
pairgen.evaluate("run")  # "data"
pairgen.train("regression", precision="half")  # "precision"
pairgen.verify("pairs").claen  # "claen"
pairgen.Loader("pairs", batch_size=8)  # "fields"
wrong: str = pairgen.ode()  # "Manifest"
"""


# What others wrote takes minutes to read, and no type of it stands in the script.
SETTINGS = """\
[mypy]
strict = true
pretty = false
cache_dir = cache

[mypy-accelerate.*,cv2.*,diffusers.*,huggingface_hub.*,numpy.*,peft.*,ray.*,torch.*,transformers.*]
follow_imports = skip
"""


@pytest.mark.slow
def test_a_script_of_a_user_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    # Away from the configuration of the repository.
    monkeypatch.chdir(tmp_path)
    Path("script.py").write_text(SCRIPT, encoding="utf-8")
    Path("mypy.ini").write_text(SETTINGS, encoding="utf-8")
    told, complaint, _ = api.run(["script.py"])
    assert not complaint
    found = [line for line in told.splitlines() if ": error: " in line]
    expected = {
        number: line.partition("  # ")[2]
        for number, line in enumerate(SCRIPT.splitlines(), 1)
        if "  # " in line
    }
    assert [int(line.split(":")[1]) for line in found] == list(expected), told
    for line, named in zip(found, expected.values(), strict=True):
        assert named in line


def test_the_stub_holds_what_is_public() -> None:
    tree = ast.parse(stub())
    calls = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert calls | imported == set(pairgen.__all__)
    assert calls.isdisjoint(imported)


def test_parameters_and_docstrings_are_those_of_the_calls() -> None:
    for node in ast.parse((packaged_assets().parent / "__init__.pyi").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            call = getattr(pairgen, node.name)
            own = [*node.args.args, node.args.vararg, *node.args.kwonlyargs, node.args.kwarg]
            names = [each.arg for each in own if each]
            assert names == list(inspect.signature(call).parameters)
            assert ast.get_docstring(node) == inspect.getdoc(call)
