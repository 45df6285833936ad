"""Turn the shipped teacher back into checkpoints, to train it further.

    python pipelines/tiny_teacher/unpack.py && python pipelines/tiny_teacher/train_unet.py

Weights come back as they ship, in half precision; optimizers start afresh, at minute 0.
"""

import argparse
import shutil
from pathlib import Path

import torch
from architecture import make_vae
from diffusers import AutoencoderKL, UNet2DConditionModel
from train_unet import TextToNoise, make_average, make_unet_optimizer, open_tokenizer
from train_vae import make_vae_optimizer
from transformers import CLIPTextModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("data/tiny_teacher"))
    parser.add_argument("--model", type=Path, default=Path("pairgen/assets/tiny"))
    arguments = parser.parse_args()
    work, folder = arguments.work, arguments.model
    for name in ("vae.pt", "unet.pt", "bank.npz", "tokenizer"):
        if (work / name).exists():
            raise SystemExit(f"{work / name} is there already; move it away first")
    work.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder / "tokenizer", work / "tokenizer")
    vae = make_vae()
    vae.load_state_dict(AutoencoderKL.from_pretrained(folder / "vae").float().state_dict())
    start = {"step": 0, "spent": 0.0}
    content = {"vae": vae.state_dict(), "optimizer": make_vae_optimizer(vae).state_dict()}
    torch.save({**content, **start}, work / "vae.pt")
    model = TextToNoise(open_tokenizer(work / "tokenizer"))
    shipped = UNet2DConditionModel.from_pretrained(folder / "unet").float()
    model.unet.load_state_dict(shipped.state_dict())
    # Untold, transformers rounds the weights to the dtype that the config names.
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", torch_dtype=torch.float32)
    model.text_encoder.load_state_dict(text_encoder.state_dict())
    content = {
        "model": model.state_dict(),
        "average": make_average(model).state_dict(),
        "optimizer": make_unet_optimizer(model).state_dict(),
    }
    torch.save({**content, **start}, work / "unet.pt")
    print(f"{work}: vae.pt and unet.pt, as shipped")


if __name__ == "__main__":
    main()
