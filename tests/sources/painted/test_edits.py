"""Edits change what their instruction says and nothing else, and a viewer can see them."""

from dataclasses import replace

import numpy as np
import pytest

from pairgen.sources.painted.compositions import Composition, all_compositions
from pairgen.sources.painted.cutouts import nearest_paint
from pairgen.sources.painted.edits import Edit, draw_edit, is_visible
from pairgen.sources.painted.images import PaintedFile, PaintedImages
from pairgen.sources.painted.painter import background, foreground, paint
from pairgen.sources.painted.scene import Scene


def edited(split: str, num: int) -> list[PaintedFile]:
    images = PaintedImages(seed=4, split=split, side=64, edits=True)
    return [images[row].file for row in range(num)]


@pytest.fixture(scope="module")
def edits() -> list[Edit]:
    found = edited("train", 200)
    return [Edit(file.partner.scene, file.scene, file.caption) for file in found]


def changed(edit: Edit) -> set[str]:
    before, after = edit.source.composition, edit.target.composition
    names = ("style", "colour", "concept", "background")
    return {name for name in names if getattr(before, name) != getattr(after, name)}


def test_every_kind_is_drawn(edits):
    kinds = [frozenset(changed(edit)) for edit in edits]
    for kind in ("background", "concept", "colour", "style"):
        assert kinds.count(frozenset([kind])) > 5


def test_the_instruction_names_what_changes(edits):
    for edit in edits:
        after, parts = edit.target.composition, changed(edit)
        words = edit.instruction.split()
        if "style" in parts:
            assert after.style in words
            # Where a colour changes too, it is named, or cannot be kept.
            assert parts <= {"style", "colour"}
            assert after.colour is None or "colour" not in parts or after.colour in words
        else:
            assert len(parts) == 1
            (part,) = parts
            assert str(getattr(after, part)) in edit.instruction


def test_all_else_stays(edits):
    for edit in edits:
        before, after = edit.source, edit.target
        kept = replace(after, composition=before.composition, thing_shift=before.thing_shift)
        assert kept == before
        if changed(edit) == {"background"}:
            np.testing.assert_array_equal(foreground(before, 64), foreground(after, 64))
        else:
            np.testing.assert_array_equal(background(before, 64), background(after, 64))


def test_what_is_shown_afterwards_is_a_composition(edits):
    known = set(all_compositions())
    assert {edit.source.composition for edit in edits} <= known
    assert {edit.target.composition for edit in edits} <= known


def test_a_viewer_sees_every_edit(edits):
    for edit in edits:
        before, after = (paint(scene, 64).picture for scene in (edit.source, edit.target))
        assert (np.abs(before.astype(int) - after).max(axis=2) > 64).mean() >= 0.04


def test_a_shoe_that_hardly_changes_is_no_edit():
    shown = Composition("flat", None, "shoe", "white")
    before = Scene(shown, (0.0, 0.0, 0.0), None, 50, False, (0.5, 0.5))
    painted, on_black = (
        Edit(before, replace(before, composition=target), "")
        for target in (replace(shown, colour="blue"), replace(shown, background="black"))
    )
    assert not is_visible(painted)
    assert is_visible(on_black)


def test_nothing_is_painted_in_its_own_colour():
    assert nearest_paint("3d", "tomato") == nearest_paint("flat", "book") == "red"
    assert nearest_paint("flat", "lemon") == "yellow"
    assert nearest_paint("flat", "droplet") == "blue"
    images = PaintedImages(seed=4, split="train", side=64, edits=True)
    for row in range(400):
        edit = images[row].file
        before, after = edit.partner.scene.composition, edit.scene.composition
        if before.colour is None and after == replace(before, colour=after.colour):
            assert after.colour != nearest_paint(before.style, before.concept)


def test_training_sees_no_held_out_composition_before_or_after(edits):
    assert not any(edit.source.composition.held_out for edit in edits)
    assert not any(edit.target.composition.held_out for edit in edits)


def test_targets_of_held_out_edits_are_held_out():
    found = edited("held-out", 30)
    assert all(file.scene.composition.held_out for file in found)


def test_a_seed_gives_its_edit_again():
    first, second = (draw_edit(np.random.default_rng(5), lambda _: True) for _ in range(2))
    assert first == second
