"""Only tensors are read from a file of `torch.save`."""

import pickle

import pytest
import torch

from pairgen.errors import ConfigError
from pairgen.sources.tensor_file import load_tensor_file


def test_tensors_are_read(tmp_path) -> None:
    torch.save({"weight": torch.arange(3.0), "step": 4}, tmp_path / "a.pt")
    found = load_tensor_file(tmp_path / "a.pt", "The head")
    assert found["weight"].tolist() == [0, 1, 2] and found["step"] == 4


class Code:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("name", ["code", "torn", "list", "missing"])
def test_all_else_is_one_sentence_and_runs_nothing(name, tmp_path) -> None:
    path = tmp_path / f"{name}.pt"
    if name == "code":
        path.write_bytes(pickle.dumps(Code()))
    elif name == "torn":
        torch.save({"weight": torch.zeros(1000)}, path)
        path.write_bytes(path.read_bytes()[:-500])
    elif name == "list":
        torch.save([torch.zeros(1)], path)
    with pytest.raises(ConfigError) as caught:
        load_tensor_file(path, "The head")
    assert str(caught.value) == (
        f"The head {path} is not a file of tensors alone, and pairgen unpickles nothing else."
    )
