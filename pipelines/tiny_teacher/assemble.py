"""Put the trained networks together: a StableDiffusionPipeline folder in float16.

python pipelines/tiny_teacher/assemble.py --out pairgen/assets/tiny
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from architecture import make_scheduler, make_vae
from tokenizer import write_json
from torch.optim.swa_utils import AveragedModel
from train_unet import TextToNoise, latent_std, open_bank, open_tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("data/tiny_teacher"))
    parser.add_argument("--out", type=Path, default=Path("pairgen/assets/tiny"))
    arguments = parser.parse_args()
    assemble(arguments.work, arguments.out)
    files = [path for path in arguments.out.rglob("*") if path.is_file()]
    print(f"{arguments.out}: {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")


def assemble(work: Path, out: Path) -> None:
    """Write the whole folder beside `out`, then put it in its place."""
    for name in ("vae.pt", "unet.pt", "bank.npz", "tokenizer"):
        if not (work / name).exists():
            sys.exit(f"{work / name} is not there: train_vae.py, then train_unet.py write it.")
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    shutil.copytree(work / "tokenizer", unfinished / "tokenizer")
    model = AveragedModel(TextToNoise(open_tokenizer(work / "tokenizer")))
    model.load_state_dict(torch.load(work / "unet.pt", weights_only=True)["average"])
    model.module.text_encoder.half().save_pretrained(unfinished / "text_encoder")
    # transformers loads in the dtype that the config names, diffusers in float32: let them agree.
    config = unfinished / "text_encoder" / "config.json"
    write_json(config, {**json.loads(config.read_text()), "dtype": "float32"})
    model.module.unet.half().save_pretrained(unfinished / "unet")
    means, stds, _ = open_bank(work, 0, torch.device("cpu"))
    vae = make_vae()
    vae.load_state_dict(torch.load(work / "vae.pt", weights_only=True)["vae"])
    vae.register_to_config(scaling_factor=round(1 / latent_std(means, stds), 4))
    vae.half().save_pretrained(unfinished / "vae")
    make_scheduler().save_pretrained(unfinished / "scheduler")
    parts = {
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    index = {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        **parts,
    }
    write_json(unfinished / "model_index.json", index)
    for path in unfinished.rglob("*.safetensors"):
        # Weights are written readable by their owner alone.
        path.chmod(0o644)
    shutil.rmtree(out, ignore_errors=True)
    unfinished.rename(out)


if __name__ == "__main__":
    main()
