"""Options of a training: what is given, over what is remembered, over the recipe."""

import pytest

from pairgen.config import packaged_configs
from pairgen.errors import ConfigError
from pairgen.execution.user_trust import trusted_by_user
from pairgen.training.config import make_train_config
from pairgen.training.runs.start import resolve_method_options
from pairgen.trust import Trust, trusting


def test_options_of_a_method_come_flat_or_in_a_mapping_and_win_over_the_recipe():
    given = {"method": "regression", "data": "pairs"}
    assert make_train_config(given).options == {"distance": "pseudo_huber"}
    for own in ({"distance": "mse"}, {"options": {"distance": "mse"}}):
        assert make_train_config({**given, **own}).options == {"distance": "mse"}
    # What is given now wins over what the run remembers.
    both = {**given, "options": {"distance": "mse"}, "distance": "perceptual"}
    assert make_train_config(both).options == {"distance": "perceptual"}


def test_options_of_a_player_are_merged_one_by_one(tmp_path, monkeypatch):
    recipe = tmp_path / "train" / "duel.yaml"
    recipe.parent.mkdir()
    recipe.write_text("critic.lr: 0.5\ncritic.clip: 2.0\nlr: 0.25\n")
    monkeypatch.setattr("pairgen.training.config.packaged_configs", lambda: tmp_path)
    for own in ({"critic.lr": 0.125}, {"players": {"critic": {"lr": 0.125}}}):
        found = make_train_config({"method": "duel", "data": "pairs", **own})
        assert found.lr == 0.25
        assert (found.player("critic").lr, found.player("critic").clip) == (0.125, 2.0)


@pytest.mark.parametrize("path", sorted((packaged_configs() / "train").glob("*.yaml")), ids=str)
def test_every_recipe_is_one(path):
    assert make_train_config({"method": path.stem, "data": "pairs"}).method == path.stem


@pytest.mark.parametrize("data", ["", None, [], [""]])
def test_data_that_a_script_left_empty_is_not_the_working_directory(data):
    with pytest.raises(ConfigError, match="data must name at least one dataset"):
        make_train_config({"method": "regression", "data": data})


def test_a_player_without_options_is_kept_and_a_wrong_mapping_refused():
    given = {"method": "regression", "data": "pairs"}
    assert make_train_config({**given, "players": {"nobody": None}}).players == {"nobody": {}}
    assert make_train_config({**given, "players": None, "options": None}).players == {}
    for wrong in ({"players": []}, {"options": 0}, {"players": {"critic": 3}}):
        with pytest.raises(ConfigError, match="must hold `key: value` lines"):
            make_train_config({**given, **wrong})


OWN_METHOD = """
from typing import Annotated
from pairgen.options import Option, Options
from pairgen.rules import Number

class OPTIONS(Options):
    command = "my method"
    g: Annotated[float, Number(0, 1), Option("g")] = 0.5

def build(*, setup, **options):
    return options
"""


def test_a_method_of_your_own_that_declares_its_options_has_them_checked(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    (tmp_path / "package/own_method.py").write_text(OWN_METHOD)
    monkeypatch.syspath_prepend(tmp_path)

    def resolved(**options):
        config = make_train_config({"method": "package.own_method", "data": "pairs", **options})
        return resolve_method_options(config).options

    with trusting(Trust(everything=True)):
        assert resolved() == {"g": 0.5}
        # As YAML 1.1 reads 1e-1: as text.
        assert resolved(g="1e-1") == {"g": 0.1}
        for wrong, message in (({"g": 2}, r"g must be a number in \[0, 1\]"), ({"k": 0}, "'k'")):
            with pytest.raises(ConfigError, match=message):
                resolved(**wrong)


def test_a_method_named_with_a_hyphen_is_recorded_by_its_file():
    given = {"method": "yonos-decoder", "data": "set", "network": "run"}
    with trusted_by_user(given) as options:
        config = make_train_config(options)
    assert config.method == "yonos_decoder"
    assert config == make_train_config({**given, "method": "yonos_decoder"})
