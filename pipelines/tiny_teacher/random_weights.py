"""Write a stand-in for the embedded teacher: its true classes and shapes, random weights.

    python pipelines/tiny_teacher/random_weights.py --out pairgen/assets/tiny --seed 0

Takes ten seconds on a CPU and 17 MB of disk. What comes out is a
StableDiffusionPipeline folder (64 px, latents [4, 16, 16], float16 safetensors) that loads in
diffusers and runs every code path; its pictures show nothing. Sampled latents have a standard
deviation near 1 also with 50 steps at guidance 8, because the last convolution is fitted to what
an ideal teacher of white noise would predict. Running it again writes the same folder.
"""

import argparse
import json
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

NUM_TOKENS = 32
TEXT_WIDTH = 128
START, END = "<|startoftext|>", "<|endoftext|>"

# Small, so that eight times the difference between two prompts stays a small part of eps.
CROSS_ATTENTION_GAIN = 0.3

# Least squares falls short of eps where the features do not tell it; this much makes up for it.
EPS_GAIN = 1.35

# What short captions are made of; each becomes one token, everything else is spelt in pieces.
WORDS = """
a an the and or of on in at to with by for from over under beside near behind between some two three
is are very small large big tiny old new young tall long round bright dark soft shiny wooden empty
red orange yellow green blue purple pink brown black white grey gray golden silver
background sky sea grass snow table wall night morning sunset light shadow
heart pizza face grinning smiling cat dog apple moon full soccer ball book sunglasses tiger rocket
strawberry bird fish horse cow sheep pig monkey bear panda fox lion elephant rabbit mouse frog snake
turtle bee butterfly flower rose tulip tree leaf cactus mushroom sun star cloud rain rainbow fire
water wave mountain beach house castle bridge lighthouse tent car bus train bicycle motorcycle boat
ship airplane helicopter balloon clock watch phone computer camera lamp candle key lock hammer cup
mug glass bottle bowl plate spoon fork knife bread cheese egg cake cookie chocolate candy honey milk
coffee tea banana grapes lemon cherry peach pear carrot corn tomato potato guitar piano drum violin
trumpet hat crown shirt dress shoe boot glove umbrella bag gift box chair bed door window robot
ghost alien clown king queen man woman child baby hand eye photograph picture painting drawing icon
""".split()  # noqa: SIM905


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("pairgen/assets/tiny"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.out, arguments.seed)
    num_bytes = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(f"{arguments.out}: {num_bytes / 1e6:.1f} MB")


def write(out: Path, seed: int) -> None:
    """Write the whole folder beside `out`, then put it in its place."""
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    torch.manual_seed(seed)
    write_tokenizer(unfinished / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(unfinished / "tokenizer")
    text_encoder = make_text_encoder(tokenizer).eval()
    unet = make_unet().eval()
    scheduler = DDIMScheduler(
        # Stable Diffusion 1.5's schedule.
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="epsilon",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    fit_last_convolution(unet, text_encoder, tokenizer, scheduler.alphas_cumprod)
    text_encoder.half().save_pretrained(unfinished / "text_encoder")
    unet.half().save_pretrained(unfinished / "unet")
    make_vae().half().save_pretrained(unfinished / "vae")
    scheduler.save_pretrained(unfinished / "scheduler")
    write_json(
        unfinished / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "feature_extractor": [None, None],
            "requires_safety_checker": False,
            "safety_checker": [None, None],
            "scheduler": ["diffusers", "DDIMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    shutil.rmtree(out, ignore_errors=True)
    unfinished.rename(out)


def write_tokenizer(folder: Path) -> None:
    """Write a CLIP tokenizer whose words are `WORDS` and which can spell any text in bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = learn_merges(WORDS)
    names = [*letters, *(letter + "</w>" for letter in letters)]
    names += dict.fromkeys(left + right for left, right in merges)
    vocabulary = {name: i for i, name in enumerate([*names, START, END])}
    folder.mkdir()
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    write_json(folder / "special_tokens_map.json", special)
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": NUM_TOKENS, **special}
    write_json(folder / "tokenizer_config.json", config)


def learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Learn byte-pair merges until every word is one token; ties go by the alphabet."""
    spelt = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    while counts := Counter(pair for word in spelt for pair in pairwise(word)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        spelt = [merge(word, best) for word in spelt]
    return merges


def merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in word:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=NUM_TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def make_unet() -> UNet2DConditionModel:
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(48, 96, 144),
        # No attention at 16 x 16: it would quadruple the cost of a step.
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )
    with torch.no_grad():
        for name, module in unet.named_modules():
            if name.endswith("attn2.to_out.0"):
                module.weight *= CROSS_ATTENTION_GAIN
                module.bias.zero_()
    return unet


def make_vae() -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=64,
        block_out_channels=(16, 48, 96),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=16,
        mid_block_add_attention=False,
        scaling_factor=0.79,
    )


@torch.no_grad()
def fit_last_convolution(
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    alphas_cumprod: Tensor,
    num: int = 128,
) -> None:
    """Let the UNet predict eps of white-noise data, by least squares on its last features.

    A network that predicts zero would leave the noise as it is and divide it by alpha, about 15
    at the first time; latents would be that large.
    """
    # The ODE adds up eps over sigma / alpha, most of which lies at the noisy end: half of the times
    # are uniform in it, half in t.
    ratios = ((1 - alphas_cumprod) / alphas_cumprod) ** 0.5
    by_ratio = torch.searchsorted(ratios, torch.linspace(0, float(ratios[-1]), num // 2))
    by_time = torch.linspace(0, len(ratios) - 1, num - num // 2).long()
    t = torch.cat([by_ratio, by_time]).clamp(max=len(ratios) - 1)
    alpha, sigma = (
        (value**0.5).view(-1, 1, 1, 1) for value in (alphas_cumprod[t], 1 - alphas_cumprod[t])
    )
    x0, eps = torch.randn(2, num, 4, 16, 16)
    prompts = [" ".join(WORDS[(7 * i + 11 * j) % len(WORDS)] for j in range(6)) for i in range(num)]
    ids = tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    seen: list[Tensor] = []
    hook = unet.conv_out.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    unet(alpha * x0 + sigma * eps, t, encoder_hidden_states=text_encoder(ids)[0])
    hook.remove()
    patches = torch.nn.functional.unfold(seen[0], kernel_size=3, padding=1)
    rows = patches.transpose(1, 2).flatten(0, 1).double()
    rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
    targets = eps.flatten(2).transpose(1, 2).flatten(0, 1).double()
    ridge = 1e-3 * len(rows) * torch.eye(rows.shape[1], dtype=torch.float64)
    solution = torch.linalg.solve(rows.T @ rows + ridge, rows.T @ targets).T * EPS_GAIN
    unet.conv_out.weight.copy_(solution[:, :-1].view_as(unet.conv_out.weight))
    unet.conv_out.bias.copy_(solution[:, -1])


def write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
