"""The strongest source that has a value gives it, and is named."""

import random
from typing import Annotated, Any

import pytest

from pairgen.config import Given, command_options
from pairgen.errors import ConfigError
from pairgen.list_rules import Numbers
from pairgen.options import Option, Options
from pairgen.resolution import Layer, resolve, sources_of
from pairgen.rules import Integer, Text

# Strongest first; what is not there is the default's.
ORIGINS = (
    "command line",
    "--set",
    "pairgen.yaml",
    "calibration.yaml",
    "the plan",
    "model tiny",
)
NUM_GIVEN = 3
DEFAULTS = {"steps": 50, "cfg": (7.5,), "note": ""}


class SomeConfig(Options):
    """Options of three rules."""

    command = "pairgen some"

    steps: Annotated[int, Integer(1), Option("Steps.")] = 50
    cfg: Annotated[tuple[float, ...], Numbers(0, 100), Option("Scales.")] = (7.5,)
    note: Annotated[str, Text(), Option("A note.")] = ""


def random_sources(seed: int) -> dict[str, dict[str, Any]]:
    """Return what each source has: any subset of the options, other values for each."""
    draw = random.Random(seed)
    sources = {}
    for number, origin in enumerate(ORIGINS):
        values = {"steps": str(number + 1), "cfg": [number, 20], "note": origin}
        sources[origin] = {name: each for name, each in values.items() if draw.random() < 0.4}
    return sources


@pytest.mark.parametrize("seed", range(60))
def test_the_strongest_source_wins_and_is_named(seed: int) -> None:
    sources = random_sources(seed)
    given = Given([(origin, sources[origin]) for origin in ORIGINS[:NUM_GIVEN]], ())
    layered = sources_of(SomeConfig, given)
    for origin in ORIGINS[NUM_GIVEN:]:
        layered = layered.below(origin, sources[origin])
    found = layered.resolved()
    for name, default in DEFAULTS.items():
        having = [origin for origin in ORIGINS if name in sources[origin]]
        value = getattr(found.options, name)
        assert layered[name] == value
        assert found.origins.get(name) == (having[0] if having else None)
        expected = sources[having[0]][name] if having else default
        assert value == SomeConfig.check(name, expected)
    assert found.differing() == [
        (name, getattr(found.options, name), found.origins[name])
        for name in DEFAULTS
        if name in found.origins
    ]


def test_a_weaker_source_changes_nothing_that_is_there() -> None:
    sources = sources_of(SomeConfig, {"steps": 5})
    assert sources.below("the plan", {"steps": 9, "note": "kept"}).resolved().options == SomeConfig(
        steps=5, note="kept"
    )
    # Sources are added to a copy.
    assert sources["note"] == ""


def test_a_value_that_is_the_default_is_given_but_does_not_differ() -> None:
    found = sources_of(SomeConfig, {"steps": 50}).below("model tiny", {"steps": 20}).resolved()
    assert found.options.steps == 50
    assert found.origins == {"steps": "call"}
    assert found.differing() == []


def test_what_is_unknown_or_wrong_in_any_source_is_refused() -> None:
    sources = sources_of(SomeConfig, {"steps": 5})
    with pytest.raises(ConfigError, match=r"'stepz' in .*pairgen some \(did you mean 'steps'\?\)"):
        sources.below("model tiny", {"stepz": 9})
    # Also where a stronger source has the option.
    with pytest.raises(ConfigError, match="steps must be an integer >= 1, got 0"):
        sources.below("model tiny", {"steps": 0})
    with pytest.raises(ConfigError, match="'stepz'"):
        sources_of(SomeConfig, {"stepz": 1})
    with pytest.raises(ConfigError, match="'stepz'"):
        resolve(SomeConfig, [Layer("call", {"stepz": 1})])


def test_a_command_line_is_three_sources(tmp_path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("steps: 3\ncfg: 3,8\nnote: of the file\n")
    given = command_options("some", path, ["cfg=4", "note=of set"], {"note": "typed"})
    found = sources_of(SomeConfig, given).resolved()
    assert found.differing() == [
        ("steps", 3, str(path)),
        ("cfg", (4.0,), "--set"),
        ("note", "typed", "command line"),
    ]
    assert given.typed == {"note", "cfg"}
    assert sources_of(SomeConfig, given.without("note")).resolved().options.note == ""
