"""Options of a training: what is given, over what is remembered, over the recipe."""

import pytest

from pairgen.config import packaged_configs
from pairgen.training.config import make_train_config


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
