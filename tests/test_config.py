"""Reading configuration: every mistake is one sentence."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pairgen import config
from pairgen.errors import ConfigError


def write(folder: Path, content: str | bytes, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_yaml_file_is_a_mapping(tmp_path):
    assert config.read_yaml(write(tmp_path, "steps: 20\ncfg: [3, 7.5]\n")) == {
        "steps": 20,
        "cfg": [3, 7.5],
    }
    assert config.read_yaml(write(tmp_path, "# nothing set\n")) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("steps: [20\n", "is not valid YAML"),
        (
            "steps: 1\n  cfg: 2\n",
            "is not valid YAML: mapping .* not allowed here, in line 2, column 6",
        ),
        ("model: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
        ("just words\n", "must hold `key: value` lines"),
        ("- 1\n- 2\n", "must hold `key: value` lines"),
        (b"\xff\xfe\x00", "is not valid YAML: .* codec can't decode"),
    ],
)
def test_a_broken_file_is_named_in_one_sentence(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(ConfigError, match=message) as caught:
        config.read_yaml(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml cannot be read"):
        config.read_yaml(tmp_path / "absent.yaml")


def test_an_unknown_key_gets_a_suggestion():
    with pytest.raises(ConfigError, match=r"'stepz' in x\.yaml \(did you mean 'steps'\?\)"):
        config.check_keys({"stepz": 1}, ["steps", "solver"], "x.yaml")


def test_an_unlike_key_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"'qqq' in x\.yaml; known are steps, solver"):
        config.check_keys({"qqq": 1}, ["steps", "solver"], "x.yaml")


def test_overrides_are_read_as_yaml():
    pairs = ["steps=20", "cfg=[3, 7.5]", "negative-prompt=a = b", "compile=true", "out="]
    assert config.parse_overrides(pairs) == {
        "steps": 20,
        "cfg": [3, 7.5],
        "negative_prompt": "a = b",
        "compile": True,
        "out": "",
    }


@pytest.mark.parametrize("pair", ["steps", "=20", "steps=[20"])
def test_a_malformed_override_is_quoted(pair):
    with pytest.raises(ConfigError) as caught:
        config.parse_overrides([pair])
    assert repr(pair) in str(caught.value)


def test_overrides_win_over_the_file(tmp_path):
    path = write(tmp_path, "steps: 20\nnegative-prompt: blurry\n")
    merged = config.command_options("ode", path, ["steps=30"], {})
    assert merged == {"steps": 30, "negative_prompt": "blurry"}


def test_a_file_may_hold_a_section_for_each_command(tmp_path):
    path = write(tmp_path, "ode:\n  steps: 20\n")
    assert config.command_options("ode", path, [], {}) == {"steps": 20}
    assert config.command_options("ode", write(tmp_path, "ode:\n"), [], {}) == {}
    with pytest.raises(ConfigError, match="section 'ode'"):
        config.command_options("ode", write(tmp_path, "ode: 3\n"), [], {})


def test_the_project_file_is_read_when_no_file_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config.command_options("ode", None, ["seed=1"], {}) == {"seed": 1}
    write(tmp_path, "seed: 5\nsteps: 9\n", config.PROJECT_FILE)
    assert config.command_options("ode", None, ["seed=1"], {}) == {"seed": 1, "steps": 9}


@pytest.mark.parametrize(("value", "expected"), [(3, 3), ("3", 3), (0, 0)])
def test_integers_are_taken(value, expected):
    assert config.integer("steps", value, 0) == expected


@pytest.mark.parametrize("value", [True, 2.0, "two", "2.5", None, -1, 11, [3]])
def test_what_is_no_integer_in_range_is_refused(value):
    with pytest.raises(ConfigError, match=r"steps must be an integer in 0\.\.10, got"):
        config.integer("steps", value, 0, 10)


@pytest.mark.parametrize(("value", "expected"), [(3, 3.0), ("7.5", 7.5), (1.0, 1.0)])
def test_numbers_become_floats(value, expected):
    found = config.number("cfg", value, 0, 10)
    assert found == expected
    assert type(found) is float


@pytest.mark.parametrize("value", [True, "much", None, -0.1, 10.5, float("nan"), float("inf"), []])
def test_what_is_no_number_in_range_is_refused(value):
    with pytest.raises(ConfigError, match=r"cfg must be a number in \[0, 10\], got"):
        config.number("cfg", value, 0, 10)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("3,8", (3.0, 8.0)), ([3, 8], (3.0, 8.0)), (3, (3.0,)), ("3,", (3.0,)), ("", ()), ([], ())],
)
def test_lists_of_numbers_come_as_text_list_or_number(value, expected):
    assert config.numbers("cfg", value, 0, 10) == expected


def test_a_number_that_stands_twice_is_refused():
    with pytest.raises(ConfigError, match="cfg holds a value twice: 3, 3"):
        config.numbers("cfg", "3,3.0", 0, 10)


def test_an_unknown_choice_gets_a_suggestion():
    assert config.choice("solver", "heun", ["ddim", "heun"]) == "heun"
    with pytest.raises(ConfigError, match=r"solver must be one of ddim, heun.*did you mean 'ddim'"):
        config.choice("solver", "dim", ["ddim", "heun"])


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_only_true_and_false_are_booleans(value):
    assert config.boolean("compile", True) is True
    with pytest.raises(ConfigError, match="compile must be true or false"):
        config.boolean("compile", value)


@pytest.mark.parametrize("value", [3, None, ["a"]])
def test_only_strings_and_paths_are_text(value):
    assert config.text("out", Path("a") / "b") == str(Path("a", "b"))
    with pytest.raises(ConfigError, match="out must be text"):
        config.text("out", value)


def test_a_dataclass_names_its_keys_in_order():
    @dataclass
    class Options:
        steps: int
        solver: str

    assert config.field_names(Options) == ["steps", "solver"]


def test_a_location_is_a_path_of_the_user_or_one_in_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.local_path("~/weights") == tmp_path / "weights"
    assert (config.local_path("package:assets/tiny") / "model_index.json").is_file()


def test_the_packaged_configs_are_found():
    assert (config.packaged_configs() / "models" / "gaussian.yaml").is_file()


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigError, match=r"got \[0, 0.*\.\.\.\.$") as raised:
        config.choice("tracker", [0] * 10_000, ["auto", "none"])
    assert len(str(raised.value)) < 300
