"""An option is declared in one line; everything else follows from it."""

import inspect
import pydoc
from typing import Annotated, Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import config_options, given
from pairgen.config import command_options
from pairgen.declarations.stub import function_stub
from pairgen.declarations.table import table_of
from pairgen.errors import ConfigError
from pairgen.kinds import schemas
from pairgen.list_rules import Numbers, Span
from pairgen.options import GROUPS, Option, Options, declared, default_of, in_groups, names
from pairgen.receipts import Manifest
from pairgen.resolution import Resolved, sources_of
from pairgen.rules import Integer, Number, Place, Rule, Switch
from pairgen.signature import takes


class ToyConfig(Options):
    """Every option of a toy command, checked."""

    command = "pairgen toy"

    source: Annotated[
        str,
        Place(),
        Option(
            "What to play with.",
            metavar="SOURCE|-",
            missing="must be given, such as a ball.",
        ),
    ]
    rounds: Annotated[int, Integer(1), Option("Rounds to play.", "Training", "remembered")] = 3
    silent: Annotated[bool, Switch(), Option("Play without sound.", "What is shown")] = False


class BouncingConfig(ToyConfig):
    """The same, with an option more."""

    bounce: Annotated[float, Number(0, 2), Option("How high.", "Sampling", "identity")] = 0.5


@takes(BouncingConfig, trust_code=True)
def play(source: str, **options: Any) -> Manifest:
    """Play a while.

    Args:
        source: What to play with.
        **options: The same names as the flags.

    Raises:
        ConfigError: An option is wrong.
    """
    heard.append({"source": source, **options})
    raise ConfigError("There is no toy.")


heard: list[dict[str, Any]] = []
resolved: list[Resolved[BouncingConfig]] = []


@command()
@options_of(BouncingConfig, arguments=("source",))
@config_options
def toy(source: str, config: Any, overrides: tuple[str, ...], **options: Any) -> None:
    """Play with SOURCE."""
    merged = command_options("toy", config, overrides, given(options) | {"source": source})
    resolved.append(sources_of(BouncingConfig, merged).resolved())


def run_toy(*arguments: str) -> Resolved[BouncingConfig]:
    """Return what the command made of its arguments."""
    CliRunner().invoke(toy, ["ball", *arguments], catch_exceptions=False)
    return resolved.pop()


def test_it_is_a_flag_in_its_group_of_the_help_page() -> None:
    page = CliRunner().invoke(toy, ["--help"]).output
    section = page.partition("Sampling:\n")[2].partition("\n\n")[0]
    assert section.split() == ["--bounce", "X", "How", "high.", "[0.5]"]
    assert page.startswith("Usage: toy [OPTIONS] SOURCE|-\n")
    assert run_toy("--bounce", "1.5").options.bounce == 1.5
    assert run_toy().options.bounce == 0.5
    assert CliRunner().invoke(toy, ["ball", "--bounce", "x"]).exit_code == 2


def test_it_is_a_key_of_config_files_and_set(tmp_path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text("bounce: 1.25\nrounds: 7\n")
    file, typed = ["--config", str(path)], ["--bounce", "2"]
    assert run_toy(*file).options.bounce == 1.25
    assert run_toy(*file, "--set", "bounce=1.75").options.bounce == 1.75
    found = run_toy(*file, "--set", "bounce=1.75", *typed)
    assert found.options.bounce == 2
    assert found.origins == {
        "source": "command line",
        "bounce": "command line",
        "rounds": str(path),
    }
    path.write_text("bouncy: 1\n")
    with pytest.raises(ConfigError, match=r"'bouncy' in .*pairgen toy \(did you mean 'bounce'\?\)"):
        run_toy(*file)


@pytest.mark.parametrize("value", [True, "yes", float("nan"), -0.1, 2.5, None, [1]])
def test_a_wrong_value_is_one_sentence(value: Any) -> None:
    for check in (
        lambda: BouncingConfig(source="ball", bounce=value),
        lambda: BouncingConfig.check("bounce", value),
        lambda: sources_of(BouncingConfig, {"source": "ball", "bounce": value}),
    ):
        with pytest.raises(ConfigError) as caught:
            check()
        assert str(caught.value) == f"bounce must be a number in [0, 2], got {value!r}."


def test_it_is_a_key_of_the_json_schema() -> None:
    schema = schemas.properties(declared(BouncingConfig))
    assert schema["bounce"] == {
        "type": "number",
        "minimum": 0,
        "maximum": 2,
        "description": "How high.",
        "default": 0.5,
    }
    assert schema["silent"]["default"] is False
    assert "default" not in schema["source"]
    validator = Draft202012Validator(schemas.closed(schema))
    assert validator.is_valid({"bounce": 1})
    assert not validator.is_valid({"bounce": 3})
    assert not validator.is_valid({"bouncy": 1})


def test_it_is_a_keyword_of_the_python_call_and_in_its_help() -> None:
    keyword = inspect.signature(play).parameters["bounce"]
    assert (keyword.kind, keyword.default, keyword.annotation) == (
        keyword.KEYWORD_ONLY,
        0.5,
        "float",
    )
    assert list(inspect.signature(play).parameters) == [
        "source",
        "rounds",
        "bounce",
        "silent",
        "trust_code",
    ]
    page = pydoc.plain(pydoc.render_doc(play))
    assert "    source: What to play with.\n        rounds: Rounds to play. [3]\n" in page
    assert "        bounce: How high. [0.5]\n" in page
    assert "**options" not in page


def test_a_default_of_the_signature_is_not_given() -> None:
    with pytest.raises(ConfigError):
        play("ball", rounds=3)
    assert heard.pop() == {"source": "ball", "rounds": 3}


def test_it_is_in_the_stub_and_in_the_table() -> None:
    text = function_stub(play)
    assert text.startswith("def play(\n    source: str,\n    *,\n    rounds: int = 3,\n")
    assert "    bounce: float = 0.5,\n" in text
    assert ") -> Manifest:\n" in text
    compile(text, "stub", "exec")
    table = table_of(BouncingConfig, arguments=("source",), kept=True)
    assert "| `--bounce` | `X`, 0 to 2 | 0.5 | identity | How high. |\n" in table
    assert "| `--rounds` | `N`, 1 or more | 3 | remembered | Rounds to play. |\n" in table
    assert "| `--silent` | true or false | false | no | Play without sound. |\n" in table
    assert "| `SOURCE` | `SOURCE\\|-` | must be given | no | What to play with. |\n" in table
    assert "| `bounce` |" in table_of(BouncingConfig, as_keys=True)


def test_what_must_be_given_has_a_sentence_of_its_own() -> None:
    for options in ({}, {"source": ""}):
        with pytest.raises(ConfigError, match=r"^source must be given, such as a ball\.$"):
            ToyConfig(**options)
    assert default_of(ToyConfig, "source") is None


def test_options_are_told_apart_by_what_they_belong_to() -> None:
    assert names(BouncingConfig, "identity") == {"bounce"}
    assert names(BouncingConfig, "remembered", "run") == {"rounds", "silent", "source"}
    options = BouncingConfig(source="ball")
    assert options.plain(without=names(BouncingConfig, "run")) == {"rounds": 3, "bounce": 0.5}


def test_options_are_put_in_the_order_of_the_groups() -> None:
    groups = [each.option.group for each in in_groups(BouncingConfig)]
    assert groups == sorted(groups, key=GROUPS.index)
    assert {each.name for each in in_groups(BouncingConfig)} == {
        each.name for each in declared(BouncingConfig)
    }


def test_an_option_without_a_rule_is_a_fault_of_the_code() -> None:
    with pytest.raises(TypeError, match=r"bare.* one Rule and one Option"):

        class Bare(Options):
            bare: Annotated[int, Option("Without a rule.")] = 0

    with pytest.raises(TypeError, match=r"twice.* one Rule and one Option"):

        class Twice(Options):
            twice: Annotated[int, Integer(0), Rule(), Option("With two.")] = 0


def test_a_required_option_may_be_zero_but_not_missing() -> None:
    class Needy(Options):
        amount: Annotated[int, Integer(0), Option("Amount.")]

    assert Needy(amount=0).amount == 0
    for missing in ({}, {"amount": None}, {"amount": ""}):
        with pytest.raises(ConfigError, match=r"^amount must be given\.$"):
            Needy(**missing)


def test_a_default_of_several_values_is_shown_as_it_is_typed() -> None:
    class Several(Options):
        times: Annotated[tuple[int, int], Span(0, 5000), Option("Times.")] = (0, 1000)
        shares: Annotated[tuple[float, ...], Numbers(0, 1), Option("Shares.")] = (0.5, 1.0)

    assert [each.shown_default for each in declared(Several)] == ["0,1000", "0.5,1"]


def test_a_default_that_may_not_be_given_is_not_shown_as_one() -> None:
    class Limited(Options):
        limit: Annotated[int, Integer(1), Option("Limit.", default="all")] = 0

    @takes(Limited)
    def call(**options: Any) -> None:
        """Do it."""

    assert inspect.signature(call).parameters["limit"].default is ...
