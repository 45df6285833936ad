"""Who may import whom, and that importing the package stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pairgen"

# Lowest first. A module imports lower layers and its own folder; files of the vocabulary and
# `pairgen` itself count as one folder.
VOCABULARY = (
    "__init__",
    "additions",
    "types",
    "receipts",
    "errors",
    "redaction",
    "visible",
    "shown",
    "made",
    "progress_style",
    "retry",
    "filesystems",
    "regular_file",
    "trust",
    "module_files",
    "seeding",
    "config",
    "rules",
    "list_rules",
    "byte_count",
    "options",
    "member_options",
    "resolution",
    "signature",
    "plugins",
    "model_config",
    "model_files",
    "asked_model",
    "image_recipe",
    "labels",
    "shard_range",
    "basicsr_shim",
    "own_process",
    "wording",
    "option_names",
)
LAYERS = (
    # How others' files are read: plain data, and one error.
    ("untrusted",),
    VOCABULARY,
    ("draws", "own_code", "process_state", "sampling", "degradations", "sources", "adapters"),
    ("teachers",),
    ("vision",),
    ("annotators",),
    ("shards",),
    ("networks", "losses"),
    # Above networks, losses and beside methods: none of them can read the judge.
    ("methods", "evaluation"),
    ("kinds",),
    ("execution",),
    ("training", "drawing"),
    # What every command that judges models shares.
    ("judging",),
    # What every command that makes something to look at shares.
    ("pages",),
    ("jobs",),
    ("calls",),
    ("cli",),
    ("__main__", "api", "declarations"),
)
# Whose folders know nothing of each other: who reads a command reads one folder and lower layers.
APART = ("jobs", "kinds")
# What several kinds share, in a folder of its own that imports none of them.
SHARED = ("kinds/images",)
HEAVY = {"click", "diffusers", "pyarrow", "ray", "torch", "transformers"}

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    """Return the folder of a module, or the name of a file that lies in no folder."""
    return module.parts[0].removesuffix(".py")


def layer_of(part: str) -> int:
    found = [number for number, parts in enumerate(LAYERS) if part in parts]
    assert found, f"pairgen/{part} has no layer yet: add it to LAYERS"
    return found[0]


def imports_of(module: Path) -> Iterator[str]:
    """Yield the dotted name of everything a module imports, inside functions and by name too.

    `pairgen/__init__.py` is the one door that opens lazily, and `api.py` keeps its names of earlier
    versions: there only what runs on import counts.
    """
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    door = module in (Path("__init__.py"), Path("api.py"))
    for node in tree.body if door else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and not door and is_module(node.value):
            # What `import_module` may be given: no arrow hides behind a text.
            yield node.value


def is_module(value: object) -> bool:
    """Whether a value is the dotted name of a module of pairgen."""
    first, *rest = value.split(".") if isinstance(value, str) else [""]
    if first != "pairgen" or not rest or not all(part.isidentifier() for part in rest):
        return False
    path = PACKAGE.joinpath(*rest)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def parts_imported(module: Path) -> set[str]:
    """Return the parts of pairgen that a module imports."""
    parts = set()
    for name in imports_of(module):
        first, *rest = name.split(".")
        if first == "pairgen":
            is_part = rest and any((PACKAGE / path).exists() for path in (rest[0], f"{rest[0]}.py"))
            parts.add(rest[0] if is_part else "__init__")
    return parts


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_imports_only_lower_layers_or_its_own_folder(module):
    part = part_of(module)
    own = set(VOCABULARY) if part in VOCABULARY else {part}
    for imported in parts_imported(module) - own:
        assert layer_of(imported) < layer_of(part), f"pairgen/{module} imports pairgen.{imported}"


@pytest.mark.parametrize("family", APART)
def test_no_job_and_no_kind_imports_another(family):
    for module in (module for module in MODULES if module.parts[0] == family):
        own = module.parts[1]
        if not (PACKAGE / family / own).is_dir():
            # What lies beside the folders is for all of them.
            own = ""
        for name in imports_of(module):
            parts = name.split(".")
            if parts[:2] != ["pairgen", family] or len(parts) < 3:
                continue
            is_apart = (PACKAGE / family / parts[2]).is_dir()
            is_apart &= f"{family}/{parts[2]}" not in SHARED
            allowed = parts[2] == own or not is_apart or module == Path("kinds/maker.py")
            assert allowed, f"pairgen/{module} imports {name}"


@pytest.mark.parametrize("name", VOCABULARY)
def test_the_vocabulary_imports_nothing_heavy(name):
    imported = {full_name.split(".")[0] for full_name in imports_of(Path(f"{name}.py"))}
    assert not imported & HEAVY


def test_the_evaluation_knows_no_teacher_and_no_dataset():
    modules = [module for module in MODULES if part_of(module) == "evaluation"]
    assert modules
    for module in modules:
        assert parts_imported(module) <= {*VOCABULARY, "evaluation"}


def test_what_a_student_learns_by_knows_no_annotator():
    modules = [m for m in MODULES if part_of(m) in ("networks", "losses", "methods")]
    assert modules
    for module in modules:
        assert "annotators" not in parts_imported(module), module


def test_the_layer_test_sees_what_it_should():
    assert {"config", "sampling"} <= parts_imported(Path("teachers/_mixture.py"))
    assert parts_imported(Path("__init__.py")) == set()
    assert {"kinds", "shards"} <= parts_imported(Path("kinds/maker.py"))
    assert "pairgen.kinds.ode.maker" in imports_of(Path("kinds/maker.py"))


def test_only_what_runs_on_ray_imports_it_and_only_one_folder_click():
    def importers(package: str) -> set[str]:
        return {
            str(module)
            for module in MODULES
            if any(name.split(".")[0] == package for name in imports_of(module))
        }

    executor = {"execution/ray/executor.py", "execution/ray/metrics.py"}
    clusters = {"jobs/cluster/ray_jobs.py", "jobs/cluster/handed_over.py"}
    assert importers("ray") <= executor | clusters
    assert {Path(module).parts[0] for module in importers("click")} <= {"cli"}


def test_importing_the_package_loads_none_of_its_modules():
    code = "import sys, pairgen; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert "pairgen" in loaded
    assert not [name for name in loaded if name.startswith(("pairgen.", "pydantic", "yaml"))]


def test_importing_the_package_is_light():
    modules = ", ".join(f"pairgen.{name}" for name in VOCABULARY if name != "__init__")
    code = f"import sys, pairgen, {modules}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(run.stdout.split())


def test_every_folder_of_modules_is_a_package():
    """Also in a clone: a pattern of .gitignore may leave a new file out."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(each) for each in folders if not (each / "__init__.py").is_file()] == []
