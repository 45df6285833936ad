"""A painted picture is its background with one cut-out in front, and its mask says where."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pairgen.sources.painted.compositions import Composition, load_concepts
from pairgen.sources.painted.cutouts import CELL, SHEETS, cutout_of
from pairgen.sources.painted.names import MAX_SIDE
from pairgen.sources.painted.painter import COLOURS, background, foreground, paint
from pairgen.sources.painted.scene import SIDES, Gradient, Scene, draw_scene

APPLE = Composition("3d", "blue", "apple", "yellow")
SCENE = Scene(APPLE, (0.01, -0.02, 0.0), Gradient(0.2, 1.0), 52, True, (0.25, 0.75))


def many_scenes() -> list[Scene]:
    looks = [APPLE, Composition("flat", None, "bicycle", "white")]
    looks.append(Composition("silhouette", "pink", "dog", "black"))
    return [draw_scene(look, np.random.default_rng(n)) for look in looks for n in range(6)]


@pytest.mark.parametrize("side", [64, 128])
def test_outside_the_mask_is_the_background_and_inside_the_cutout(side):
    for scene in many_scenes():
        painted = paint(scene, side)
        ground, thing = background(scene, side), foreground(scene, side)
        outside, inside = painted.mask[..., 0] == 0, painted.mask[..., 0] == 255
        assert outside.mean() > 0.1 and inside.mean() > 0.005
        expected = np.rint(ground.clip(0, 1) * 255)
        np.testing.assert_array_equal(painted.picture[outside], expected[outside])
        np.testing.assert_array_equal(
            painted.picture[inside], np.rint(thing[..., :3] * 255)[inside]
        )
        np.testing.assert_array_equal(painted.mask, np.rint(thing[..., 3:] * 255))


def test_the_thing_is_as_large_and_where_the_scene_says():
    # 52 of 64: an apple is higher than wide or the other way round, but never longer.
    rows, columns = np.nonzero(paint(SCENE, 128).mask[..., 0])
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(height, width) == pytest.approx(104, abs=1)
    assert rows.min() == pytest.approx(0.25 * (128 - height), abs=1)
    assert columns.min() == pytest.approx(0.75 * (128 - width), abs=1)


def test_a_flipped_thing_is_mirrored():
    middle = replace(SCENE, place=(0.5, 0.5))
    flipped, plain = (foreground(replace(middle, flip=flip), 64) for flip in (True, False))
    width = np.nonzero(plain[..., 3].any(axis=0))[0]
    here = slice(width.min(), width.max() + 1)
    np.testing.assert_array_equal(flipped[:, here], plain[:, here][:, ::-1])


def test_a_silhouette_has_one_colour_and_the_outline_of_the_flat_drawing():
    solid = replace(SCENE, composition=Composition("silhouette", "red", "guitar", "white"))
    flat = replace(SCENE, composition=Composition("flat", None, "guitar", "white"))
    np.testing.assert_array_equal(paint(solid, 64).mask, paint(flat, 64).mask)
    inside = paint(solid, 64).mask[..., 0] == 255
    red = np.rint(np.array(COLOURS["red"]) * 255)
    assert (np.abs(paint(solid, 64).picture[inside] - red) <= 1).all()


def test_a_scene_looks_the_same_in_every_size():
    for scene in many_scenes():
        large = Image.fromarray(paint(scene, 128).picture).resize((64, 64), Image.Resampling.BOX)
        off = np.abs(np.asarray(large, float) - paint(scene, 64).picture)
        # Places are rounded to pixels, so edges differ.
        assert np.median(off) <= 1 and off.mean() < 12


def test_every_thing_has_a_cutout_that_is_never_enlarged():
    assert max(SIDES) * MAX_SIDE / 64 <= CELL
    for style in SHEETS:
        for concept in [*load_concepts()[0], *load_concepts()[1]]:
            cutout = cutout_of(Composition(style, None, concept, "white"), CELL)
            assert max(cutout.shape[:2]) == CELL
            assert cutout[..., 3].mean() > 0.1
            # Premultiplied.
            assert (cutout[..., :3] <= cutout[..., 3:] + 1e-6).all()


@pytest.mark.parametrize("style", SHEETS)
def test_a_paint_changes_colours_and_no_outline(style):
    looks = [cutout_of(Composition(style, name, "car", "white"), 60) for name in (None, "blue")]
    np.testing.assert_array_equal(looks[0][..., 3], looks[1][..., 3])
    red, _, blue = looks[1][looks[1][..., 3] == 1][:, :3].mean(axis=0)
    assert blue > 1.3 * red


def test_one_picture_never_changes():
    painted = paint(SCENE, 64)
    data = painted.picture.tobytes() + painted.mask.tobytes()
    assert hashlib.sha256(data).hexdigest()[:16] == "b27b2f04a48a06aa"
