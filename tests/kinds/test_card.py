"""The card: front matter that loaders read, and only facts of the manifest."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pairgen.kinds.card import render_card
from pairgen.receipts import Manifest, Receipt
from pairgen.shards.format.manifest import fold, scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.overlay import overlay_plan
from tests.small_sets import make_plan, write_set


def front_matter(card: str) -> dict[str, Any]:
    start, front, _ = card.split("---\n", maxsplit=2)
    assert start == ""
    data: dict[str, Any] = yaml.safe_load(front)
    return data


def manifest_of(tmp_path: Path, **options: Any) -> Manifest:
    store = write_set(tmp_path / "set", **options)
    return scan(store, read_plan(store))


def test_the_front_matter_names_the_tars(tmp_path: Path) -> None:
    front = front_matter(render_card(manifest_of(tmp_path)))
    assert front["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "train/*.tar"}]}
    ]
    assert front["size_categories"] == ["n<1K"]


def test_the_card_says_what_the_set_is(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, failed={3: "non-finite latent"})
    card = render_card(manifest)
    for line in (
        "| teacher | gaussian |",
        "| teacher modes | 24 |",
        "| solver | ddim |",
        "| grid | trailing, 4 steps, end t0 |",
        "| times visited | 999, 749, 499, 249, 0 |",
        "| guidance scales | 7.5 |",
        "| seed | 5 |",
        f"| fingerprint | {manifest.plan.fingerprint()} |",
        "| samples | 23 of 24 planned |",
        "| failed samples | 1 |",
        "| rejected prompts | 1 |",
        "| blank lines skipped | 2 |",
        "| `latent.npy` | the teacher's latent x_0: scaled by the VAE's factor, or pixels "
        "in [-1, 1] | float16 | [4, 8, 8] |",
        "| device | cpu x86_64 |",
        "| versions | pairgen 0.1.0, torch 2.6.0 |",
    ):
        assert line in card.splitlines()
    assert "pairgen verify DIR" in card
    assert "wds.WebDataset" in card


def test_a_mixed_set_says_so(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    first, *others = manifest.receipts
    other: Receipt = replace(first, made={**first.made, "device": "NVIDIA H200"})
    card = render_card(replace(manifest, receipts=(other, *others)))
    assert "| device (mixed) | NVIDIA H200; cpu x86_64 |" in card


def test_a_set_without_stored_noise_says_how_to_make_it(tmp_path: Path) -> None:
    assert "noise_for" in render_card(manifest_of(tmp_path, plan=make_plan(noise="seed")))
    assert "noise_for" not in render_card(manifest_of(tmp_path / "stored"))


def test_a_set_that_was_just_begun_has_a_card() -> None:
    card = render_card(fold(make_plan(), []))
    assert "| samples | 0 of 24 planned |" in card
    assert front_matter(card)["configs"]


def test_text_of_the_user_cannot_break_the_table() -> None:
    plan = make_plan(recipe={"negative_prompt": "ugly | bad\n# heading <script>"})
    card = render_card(fold(plan, []))
    assert "| negative prompt | ugly \\| bad # heading \\<script> |" in card.splitlines()


def test_a_local_folder_is_named_without_its_place() -> None:
    plan = make_plan()
    plan = replace(plan, teacher={**plan.teacher, "location": "/somewhere/private/my-sd"})
    card = render_card(fold(plan, []))
    assert "| weights | my-sd |" in card
    assert "private" not in card


def test_equal_manifests_give_equal_cards(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    assert render_card(manifest) == render_card(manifest)


def test_the_card_of_an_overlay_names_its_parent_and_what_it_adds() -> None:
    members = {"json": {"keys": ["index"]}, "depth.png": {"dtype": "uint8", "shape": [8, 8, 3]}}
    plan = overlay_plan(make_plan(), "/somewhere/private/pairs", members, {"annotator": "depth"})
    card = render_card(fold(plan, []))
    assert front_matter(card)["pretty_name"] == "Overlay: depth.png"
    assert "| annotator | depth |" in card
    assert f"| parent | {make_plan().fingerprint()} |" in card
    assert 'TrainingSet("path/to/pairs", overlays=["."])' in card
    assert 'fields=["depth.png"]' in card
    assert "private" not in card
