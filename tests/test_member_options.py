"""Options of a member: one entry from each source, and no other name lets a value in."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from pydantic import Field

from pairgen.config import Given, mapping
from pairgen.errors import ConfigError
from pairgen.member_options import MemberOptions
from pairgen.options import Option
from pairgen.resolution import sources_of
from pairgen.rules import Checked, Text


class Asked(MemberOptions):
    command = "pairgen ask"
    held = "own"

    who: Annotated[str, Text(), Option("Who.")] = ""
    own: Annotated[
        Mapping[str, Any], Checked(mapping, {}, "Mapping[str, Any]"), Option("Its options.")
    ] = Field(default_factory=dict)


def test_entries_of_several_sources_are_combined_and_the_strongest_counts() -> None:
    layers = [
        ("command line", {"who": "me"}),
        ("--set", {"own.low": 1}),
        ("a.yaml", {"who": "you", "own": {"low": 2, "high": 3}}),
    ]
    resolved = sources_of(Asked, Given(layers, ())).resolved()
    assert resolved.options == Asked(who="me", own={"low": 1, "high": 3})
    assert resolved.origins == {"who": "command line", "own.low": "--set", "own.high": "a.yaml"}


def test_only_its_own_names_are_the_members() -> None:
    with pytest.raises(ConfigError, match="Unknown key 'low' in the options of pairgen ask"):
        sources_of(Asked, {"low": 1})
    with pytest.raises(ConfigError, match="own must hold `key: value` lines, got 3"):
        sources_of(Asked, {"own": 3})
