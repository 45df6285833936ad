"""Prompts of every kind become sets: their text survives, runs continue, mistakes leave nothing."""

import gzip
import json
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.jobs.ode.run import run_ode
from pairgen.shards.format import layout
from pairgen.shards.storage.store import open_store
from pairgen.sources.prompts import open_prompts
from tests import warm
from tests.runs import samples, undo_shards, words

QUICK = {"model": "gaussian", "cfg": 1, "steps": 2, "batch_size": 8, "executor": "serial"}
STRANGE = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "\u05e9\u05dc\u05d5\u05dd \u202b\u0639\u0627\u0644\u0645\u202c",
    "e\u0301 beside \u00e9 and Z\u0351\u036b\u0343",
    "\u65e5\u672c\u306e\u5ead\u5712 \U00020bb7",
    "tags \U0001f3f4\U000e0067\U000e007f and \U0010ffff \ufdd0",
    "lines\nand\r\nreturns\rand\u2028separators\u0085inside",
    "\ufeffbyte order mark first",
    "bell \x07 escape \x1b[31m delete \x7f c1 \x9b",
    "quotes \" ' \\ , | <b> \\u0041 %s",
    "long " * 20_000 + "end",
]


def refused(out: Path) -> list[dict[str, object]]:
    path = out / layout.REJECTED
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_unicode_of_every_kind_survives_byte_for_byte(tmp_path: Path) -> None:
    lines = [json.dumps(prompt) for prompt in [*STRANGE, "half \ud83e", "NUL \0"]]
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    out = tmp_path / "out"
    result = run_ode({**QUICK, "prompts": tmp_path / "p.jsonl.gz", "out": out, "max_rejected": 1})
    assert [sample["txt"].decode() for sample in samples(out)] == STRANGE
    assert open_prompts(out / layout.PROMPTS).to_pylist() == STRANGE
    index = pq.read_table(out / "__meta__/index/00000.parquet")
    assert index.column("prompt").to_pylist() == STRANGE
    assert all(
        json.loads(sample["json"])["prompt_index"] == i for i, sample in enumerate(samples(out))
    )
    assert [(entry["file"], entry["entry"]) for entry in refused(out)] == [
        (str(tmp_path / "p.jsonl.gz"), number) for number in (11, 12)
    ]
    assert result.manifest.complete and pairgen.verify(out).clean


def test_a_set_of_pairgen_is_a_source_as_a_folder_and_as_tars(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\ntwo\nthree\n")
    first, again = tmp_path / "first", tmp_path / "again"
    made = pairgen.ode(
        **QUICK, prompts=tmp_path / "p.txt", out=first, num_samples=6, samples_per_shard=4
    )
    tars = pairgen.ode(**QUICK, prompts=[first / "train/*.tar"], out=again, dedupe=True)
    assert tars.plan.source["sha256"] == made.plan.source["sha256"]
    assert tars.plan.source["num_duplicates"] == 3
    folder = pairgen.ode(**QUICK, prompts=[first, tmp_path / "p.txt"], out=tmp_path / "both")
    assert folder.plan.source["num_inputs"] == 9
    assert folder.plan.source["name"] == "2 sources"


def test_standard_input_is_read_once_and_the_folder_continues_without_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "more.txt").write_text("three\n")
    line = words("ode", "--prompts=-", f"--prompts={tmp_path / 'more.txt'}", **QUICK, out=out)
    run = warm.run(warm.AS_MODULE + line, stdin="one\n\ntwo\n")
    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith(f"Prompts: standard input, {tmp_path / 'more.txt'}\n")
    assert "3 prompts; 1 blank line skipped, 0 rejected." in run.stderr
    assert open_prompts(out / layout.PROMPTS).to_pylist() == ["one", "two", "three"]
    assert pairgen.ode(out=out, num_samples=6).complete
    assert [sample["txt"] for sample in samples(out)] == [b"one", b"two", b"three"] * 2


def test_a_choice_is_part_of_the_set_and_continues(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("".join(f"prompt {i % 20}\n" for i in range(40)))
    out = tmp_path / "out"
    given = {**QUICK, "prompts": tmp_path / "p.txt", "out": out}
    choice = {"dedupe": True, "shuffle": True, "limit": 12}
    told: list[str] = []
    plan = run_ode({**given, **choice}, told.append).manifest.plan
    assert (
        "12 prompts; 0 blank lines skipped, 0 rejected, 20 duplicates, 8 beyond the limit." in told
    )
    prompts = open_prompts(out / layout.PROMPTS).to_pylist()
    assert len(set(prompts)) == 12 and prompts != sorted(prompts)
    # The same command continues, with the prompts and without them; so does the folder alone.
    for options in ({**given, **choice}, given, {**choice, "out": out}, {"out": out}):
        assert pairgen.ode(**options).plan.fingerprint() == plan.fingerprint()
    for options in ({"shuffle": False}, {"limit": 11}, {**choice, "seed": 1}):
        with pytest.raises(PlanMismatchError, match=r"prompts \(was 12 from p\.txt|seed"):
            pairgen.ode(**{**given, **options})
    with pytest.raises(ConfigError, match="limit must be 12 as for the prompts of the folder"):
        pairgen.ode(out=out, limit=13)
    plain = pairgen.ode(**QUICK, prompts=tmp_path / "p.txt", limit=3, out=tmp_path / "plain")
    assert plain.plan.fingerprint() != plan.fingerprint()


def test_what_an_earlier_try_refused_is_not_left_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "p.txt").write_bytes(b"good\n\xff\n")
    given = {**QUICK, "prompts": tmp_path / "p.txt", "out": out, "max_rejected": 1}
    pairgen.ode(**given)
    assert [entry["entry"] for entry in refused(out)] == [2]
    undo_shards(out)
    (tmp_path / "p.txt").write_bytes(b"good\nbetter\n")
    pairgen.ode(**given)
    assert not (out / layout.REJECTED).exists()
    assert open_store(out).names(layout.SPOOL) == []


def cut_tar(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        tar.add(__file__, "0.txt")
    path.write_bytes(path.read_bytes()[:1_000])


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("p.xlsx", b"x", {}, "Prompts must be a .txt"),
        ("p.csv", b"id,prompt\n1,a\n", {"column": "promt"}, "did you mean 'prompt'"),
        ("p.jsonl", b'"a"\n{"text": "b"}\n', {"column": "caption"}, "has no column 'caption'"),
        ("p.txt", b"\n \n", {}, "holds no usable prompt: 2 blank lines, 0 rejected"),
        ("p.txt", b"", {}, "holds no usable prompt: 0 blank lines"),
        ("p.csv", b"", {}, "holds no usable prompt: 0 blank lines"),
        ("p.txt", b"\xff\n", {}, "1 rejected; the first reason is: not valid UTF-8 at byte 0"),
        ("p.txt.gz", gzip.compress(b"one\n" * 99_999)[:-9], {}, "p.txt.gz cannot be read: "),
        ("p.tar", None, {}, "p.tar cannot be read: "),
        ("p.txt", b"one\n", {"limit": -1}, "limit must be an integer in 1..1,000,000,000, got -1"),
        ("p.txt", b"one\n", {"shuffle": "yes"}, "shuffle must be true or false, got 'yes'"),
        ("p.txt", b"one\n", {"prompts": ""}, "prompts must not be empty"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    name: str, content: bytes | None, options: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is None:
        cut_tar(path)
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        pairgen.ode(**{**QUICK, "prompts": path, "out": tmp_path / "out", **options})
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_sample_takes_the_same_sources_and_its_facts_make_the_pictures_again(tmp_path) -> None:
    options = {"model": "gaussian", "steps": 2, "batch_size": 4, "cfg": 1}
    (tmp_path / "p.tsv").write_text("id\tcaption\n" + "".join(f"{i}\tno {i}\n" for i in range(9)))
    made = pairgen.sample(
        **options,
        prompts=["mine", tmp_path / "*.tsv"],
        shuffle=True,
        limit=3,
        out=f"{tmp_path}/pictures/",
    )
    facts = json.loads((tmp_path / "pictures/samples.json").read_text())
    again = pairgen.sample(**facts["options"], out=tmp_path / "again.png")
    assert len(set(made.prompts)) == 3
    assert made.prompts == again.prompts and (made.pictures == again.pictures).all()
