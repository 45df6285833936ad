"""Every source of the table, through every command that reads images."""

import io
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.collect.run import run_collect
from pairgen.jobs.degrade.run import run_degrade
from pairgen.jobs.ode.run import run_ode
from pairgen.sources.image_files import find_images
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.prompt_files import read_prompt_file
from pairgen.sources.prompt_values import find_prompts
from pairgen.sources.tars.index import read_index
from tests.hostile.containers.cases import (
    FOLDERS,
    SIDE,
    TARS,
    Case,
    in_folder,
    number_of,
    other_entry,
    picture,
    table,
    tar,
)
from tests.hostile.containers.others import OTHERS, differs, read_by
from tests.runs import samples

COMMANDS = {
    "collect": (run_collect, {"size": SIDE}),
    "degrade": (run_degrade, {"crop": SIDE, "scales": 4, "degradation": "bicubic"}),
}
CASES = [
    pytest.param(case, id=f"{kind}, {case.name}")
    for kind, cases in (("tar", TARS), ("folder", FOLDERS))
    for case in cases
]


# How a refusal begins that does not depend on what is looked for in a tar.
DAMAGES = ("two members", "truncated", "another tar", "something follows", "cannot be read")
DAMAGES += ("damaged header", "a header says")
# How what is passed over begins that no sample has as a member.
NO_MEMBERS = tuple(
    f"{n} {kind}" for n in (1, 2) for kind in ("link", "device", "sparse", "hidden", "Apple")
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unpacked goes with the test."""
    monkeypatch.setattr("pairgen.sources.tars.unpacked.CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", CASES)
def test_all_is_taken_or_told(case: Case, command: str, tmp_path: Path) -> None:
    source, out, said = tmp_path / "source", tmp_path / "out", list[str]()
    source.mkdir()
    run, options = COMMANDS[command]
    given: dict[str, Any] = {**options, "images": case.write(source), "out": str(out)}
    given |= {"executor": "serial", **({"column": case.column} if case.column else {})}
    if case.refused:
        with pytest.raises(ConfigError, match=case.refused) as caught:
            run(given, said.append)
        assert "\n" not in str(caught.value)
        assert not out.exists()
        return
    assert run(given, said.append).manifest.complete
    made = {number_of(each["png"]): each.get("txt", b"").decode() for each in samples(out)}
    assert made == case.taken
    told = [line for line in said if line.startswith("Passed over: ")]
    assert told == ([f"Passed over: {case.told}."] if case.told else [])


def test_two_folders_with_equal_names_are_recorded_apart(tmp_path: Path) -> None:
    for number, folder in enumerate(("x/a", "y/a", "z")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.png").write_bytes(picture(number))
    folders = [str(tmp_path / each) for each in ("x/a", "y/a", "z")]
    names = [file.name for file in find_images(folders, apart=True)]
    assert names == ["1.png", "a/1.png", "z/1.png"]
    made = pairgen.collect(images=folders, size=SIDE, out=tmp_path / "out", executor="serial")
    assert made.num_samples == 3


def test_an_index_takes_little_memory() -> None:
    members = [(f"{n:09d}.{name}", b"x") for n in range(10_000) for name in ("txt", "png", "json")]
    file = io.BytesIO(tar(members))
    tracemalloc.start()
    index = read_index(file)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held <= 200 * len(members)
    assert sum(len(sample.members) for sample in index) == len(members)
    assert next(iter(index)).key == "000000000"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_other_readers_take_and_we_refuse_has_a_reason(tmp_path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    unexplained = []
    for number, case in enumerate(TARS):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = (case.for_others or case.write)(folder)
        found = {name: read_by(read, path) for name, read in OTHERS.items()}
        more = [
            name for name, each in found.items() if isinstance(each, dict) and differs(case, each)
        ]
        if bool(more) != bool(case.why):
            unexplained.append((case.name, found))
    assert not unexplained


@pytest.mark.parametrize("case", TARS, ids=lambda case: case.name)
def test_prompts_of_tars_are_read_by_the_same_rules(case: Case, tmp_path: Path) -> None:
    """Each sample with a text is a prompt, in the order of their first members."""
    path = Path(case.write(tmp_path))
    column = "" if case.column.endswith(".png") else case.column
    if case.refused.startswith(DAMAGES):
        with pytest.raises(ConfigError, match=case.refused):
            list(read_prompt_file(path, column))
        return
    passed_over = PassedOver()
    entries = read_prompt_file(path, column, passed_over=passed_over)
    found = [each for each in entries if isinstance(each, str)]
    told = [each for each in case.told.split(", ") if each.startswith(NO_MEMBERS)]
    assert str(passed_over) == ", ".join(told)
    texts = [text for text in case.taken.values() if text]
    assert sorted(found) == sorted(texts) or "another folder" in case.name


def test_a_folder_of_img2dataset_gives_each_prompt_once(tmp_path: Path) -> None:
    case = next(case for case in FOLDERS if case.name == "a folder of img2dataset")
    sources = find_prompts([case.write(tmp_path)])
    assert [list(source.read()) for source in sources] == [["zero"]]


def test_prompts_tell_what_their_sources_hold_besides(tmp_path: Path) -> None:
    """Links and hidden members of tars, and what lies beside these in a folder."""
    link = other_entry("l.txt", tarfile.SYMTYPE, "0.txt")
    texts = tar([("0.txt", b"zero"), ("._0.txt", b"x"), (".DS_Store", b"x")])
    files = {
        **{"a.tar": link, "b.tar": texts, "c.jpg": b"", "c.txt": b"", ".DS_Store": b""},
        **{".git/x.tar": b"", "e.parquet": table(prompt=["e"]), "a.parquet": table(url=["x"])},
    }
    folder = Path(in_folder(files)(tmp_path / "source"))
    said = list[str]()
    given = {"model": "gaussian", "cfg": 1, "steps": 1, "executor": "serial", "max_rejected": 1}
    run_ode({**given, "prompts": str(folder), "out": str(tmp_path / "out")}, said.append)
    assert [each["txt"].decode() for each in samples(tmp_path / "out")] == ["zero", "e"]
    told = "1 .jpg, 1 .txt, 1 AppleDouble file in tars, 1 hidden file, 1 hidden file in tars, "
    assert f"Passed over: {told}1 hidden folder, 1 link in tars." in said
