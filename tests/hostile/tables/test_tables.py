"""Every table of the cases, through every command that can read it: nothing is unaccounted for."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pairgen.errors import ConfigError
from pairgen.jobs.collect.run import run_collect
from pairgen.jobs.degrade.run import run_degrade
from pairgen.jobs.ode.run import run_ode
from pairgen.shards.format import layout
from tests.hostile.tables.caption_cases import CAPTIONS
from tests.hostile.tables.case import SIDE, Case
from tests.hostile.tables.image_cases import IMAGES
from tests.hostile.tables.prompt_cases import PROMPTS, SAMPLES
from tests.runs import samples

LOOSE = {"executor": "serial", "max_rejected": 1}
ODE = (run_ode, "prompts", {"model": "gaussian", "cfg": 1, "steps": 1, **LOOSE})
COLLECT = (run_collect, "images", {"size": SIDE, **LOOSE})
DEGRADE = (run_degrade, "images", {"crop": SIDE, "scales": 4, "degradation": "bicubic", **LOOSE})
OF_IMAGES = {"collect": COLLECT, "degrade": DEGRADE}


def named(cases: tuple[Case, ...]) -> list[Any]:
    assert len({case.name for case in cases}) == len(cases)
    return [pytest.param(case, id=case.name) for case in cases]


def write(case: Case, folder: Path) -> None:
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def made(case: Case, command: tuple[Any, str, Mapping[str, Any]], folder: Path) -> tuple[Path, str]:
    """Run a command on a case's files; return its set and what it said."""
    run, source, options = command
    write(case, folder / "source")
    given = {**options, **case.options, source: str(folder / "source" / case.give)}
    if "captions" in given:
        given["captions"] = str(folder / "source" / given["captions"])
    out, said = folder / "out", list[str]()
    if case.error:
        with pytest.raises(ConfigError, match=case.error) as caught:
            run({**given, "out": str(out)}, said.append)
        assert "\n" not in str(caught.value)
        assert not out.exists()
    else:
        assert run({**given, "out": str(out)}, said.append).manifest.complete
    return out, "\n".join(said)


def rejected(out: Path) -> list[dict[str, Any]]:
    if not (out / layout.REJECTED).exists():
        return []
    return list(map(json.loads, (out / layout.REJECTED).read_text().splitlines()))


def check_told(case: Case, said: str) -> None:
    for told in case.told:
        assert re.search(told, said), said
    if not case.told:
        assert "is delimited by" not in said


@pytest.mark.parametrize("case", named((*PROMPTS, *SAMPLES)))
def test_prompts_are_taken_or_refused(case: Case, tmp_path: Path) -> None:
    out, said = made(case, ODE, tmp_path)
    if case.error:
        return
    taken = [case.taken] if isinstance(case.taken, str) else case.taken
    assert [each["txt"].decode() for each in samples(out)] == taken
    found = {str(each["entry"]): each["reason"] for each in rejected(out)}
    assert found.keys() == case.refused.keys()
    for place, reason in case.refused.items():
        assert reason in found[place]
    check_told(case, said)


@pytest.mark.parametrize("command", OF_IMAGES)
@pytest.mark.parametrize("case", named((*IMAGES, *CAPTIONS)))
def test_images_are_taken_or_refused(case: Case, command: str, tmp_path: Path) -> None:
    out, said = made(case, OF_IMAGES[command], tmp_path)
    if case.error:
        return
    taken = {
        json.loads(each["json"])["image"]: each.get("txt", b"").decode() for each in samples(out)
    }
    assert taken == case.taken
    found = {
        each["image"].removeprefix(f"{tmp_path}/source/"): each["reason"] for each in rejected(out)
    }
    assert found.keys() == case.refused.keys()
    for place, reason in case.refused.items():
        assert reason in found[place]
    assert not any("empty file" in reason for reason in found.values())
    check_told(case, said)


@pytest.mark.parametrize("command", OF_IMAGES)
@pytest.mark.parametrize("case", named(SAMPLES))
def test_captions_of_tars_are_those_that_prompts_have(
    case: Case, command: str, tmp_path: Path
) -> None:
    out, _ = made(case, OF_IMAGES[command], tmp_path)
    assert [each["txt"].decode() for each in samples(out)] == [case.taken]
