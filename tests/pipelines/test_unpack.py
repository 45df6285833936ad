import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
import unpack
from safetensors.torch import load_file

from pairgen.config import packaged_assets


def test_the_shipped_text_encoder_comes_back_as_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Path(shutil.copytree(packaged_assets() / "tiny", tmp_path / "tiny"))
    config = model / "text_encoder/config.json"
    named = json.loads(config.read_text(encoding="utf-8")) | {"dtype": "bfloat16"}
    config.write_text(json.dumps(named), encoding="utf-8")
    work = tmp_path / "work"
    monkeypatch.setattr(sys, "argv", ["unpack.py", "--work", str(work), "--model", str(model)])
    unpack.main()
    found = torch.load(work / "unet.pt", weights_only=True)["model"]
    for name, tensor in load_file(model / "text_encoder/model.safetensors").items():
        assert torch.equal(found[f"text_encoder.{name}"], tensor.float())
