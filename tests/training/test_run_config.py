"""The options of a run, in its folder: any byte of them that changes is noticed."""

import pytest
import yaml

from pairgen.config import read_yaml
from pairgen.errors import ConfigError
from pairgen.training.config import make_train_config
from pairgen.training.runs.run_config import read_run_config, write_config


@pytest.fixture
def folder(tmp_path):
    config = make_train_config({"method": "regression", "data": ["pairs"], "out": str(tmp_path)})
    write_config(config, tmp_path)
    return tmp_path


def test_it_is_read_as_it_was_written_and_serves_as_a_config_file(folder):
    found = read_run_config(folder)
    assert found["method"] == "regression" and found == read_yaml(folder / "config.yaml")
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]


def test_every_other_byte_is_found(folder):
    path = folder / "config.yaml"
    data = path.read_bytes()
    text = data.partition(b"# own_sha256")[0]
    for place in range(0, len(text), 7):
        path.write_bytes(bytes([*data[:place], data[place] ^ 1, *data[place + 1 :]]))
        with pytest.raises(ConfigError, match=r"config\.yaml"):
            read_run_config(folder)


def test_a_file_without_its_hash_is_read(folder):
    path = folder / "config.yaml"
    text = path.read_text().partition("# own_sha256")[0]
    path.write_text(text.replace("method: regression", "method: reflow"))
    assert read_run_config(folder) == {**yaml.safe_load(text), "method": "reflow"}
