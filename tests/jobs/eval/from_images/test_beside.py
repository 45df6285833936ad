"""Which pairs are judged: images of other systems found by name, and named parts of the pairs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairgen.errors import ConfigError
from pairgen.jobs.eval.from_images.beside import find_other, read_other
from pairgen.jobs.eval.from_images.chosen import choose_pairs
from pairgen.jobs.eval.options import EvalConfig
from pairgen.shards.loading.first_samples import first_samples
from tests.training.conftest import make_degraded

KEYS = ("000000000", "000000001", "000000002", "000000003")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Four pairs in shards of three: one crop each of two photographs, two seeds. Only read it."""
    folder = tmp_path_factory.mktemp("pairs")
    return make_degraded(
        folder / "set", ("bridge", "citrus"), samples_per_image=2, samples_per_shard=3
    )


def write_images(folder: Path, *names: str, size: int = 16) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        shade = sum(name.encode()) % 256
        Image.new("RGB", (size, size), (shade, 0, 0)).save(folder / name)
    return folder


def chosen(pairs: Path, **options):
    found = choose_pairs(EvalConfig(run="run", data=str(pairs), **options))
    return found, tuple(sample.key for sample in first_samples(found.found, found.num))


def test_images_are_found_by_key_by_member_and_by_the_name_of_the_source(tmp_path):
    sources = [("birds/owl.jpg", "owl_LR4.png"), ("cat.png",), (), ("a.b.jpg",)]
    write_images(tmp_path / "x", "owl_LR4.png", "cat.webp", "000000002.lr4.png", "a.b.png", "u.png")
    other = find_other("x", str(tmp_path / "x"), KEYS, sources)
    assert {key: file.name for key, file in other.files.items()} == {
        "000000000": "owl_LR4.png",
        "000000001": "cat.webp",
        "000000002": "000000002.lr4.png",
        "000000003": "a.b.png",
    }
    assert other.lacking == () and other.unmatched == ("u.png",)
    assert other.notes() == [
        f"x ({tmp_path / 'x'}) has 1 image of none of the pairs, left aside: u.png."
    ]
    pictures = read_other(other, ("000000003", "000000001"), (16, 16))
    for picture, name in zip(pictures, ("a.b.png", "cat.webp"), strict=True):
        shade = sum(name.encode()) % 256
        assert abs(int(picture[0, 0, 0]) - shade) < 4


def test_all_rows_are_of_the_pairs_that_every_folder_has(pairs, tmp_path):
    names = [f"{key}.png" for key in KEYS]
    first = write_images(tmp_path / "a", *names[:3])
    second = write_images(tmp_path / "b", *names[1:], "notes.png")
    found, keys = chosen(pairs, beside=[f"a={first}", f"b={second}"])
    assert keys == KEYS[1:3] and found.num == 2 and found.num_available == 4
    assert found.notes == (
        f"a ({first}) lacks 1 of 4 images: {KEYS[3]}.",
        f"b ({second}) lacks 1 of 4 images: {KEYS[0]}.",
        f"b ({second}) has 1 image of none of the pairs, left aside: notes.png.",
        "All rows are of the 2 of 4 pairs that every folder has.",
    )
    facts = found.others[1].facts()
    assert facts["num_lacking"] == 1 and facts["lacking"] == [KEYS[0]]
    # Beside a condition; across shards, and only the first pairs where fewer are asked for.
    last = write_images(tmp_path / "c", names[3])
    assert chosen(pairs, beside=[f"c={last}"])[1] == KEYS[3:]
    assert chosen(pairs, beside=f"b={second}", where="image_row == 0")[1] == KEYS[1:2]
    with pytest.raises(ConfigError, match=r"c has no image of the 3 pairs, such as 000000003\.png"):
        chosen(pairs, beside=[f"c={last}"], num_samples=3)
    lone = write_images(tmp_path / "d", names[0])
    with pytest.raises(
        ConfigError, match=r"No pair has .* every folder: c .* 3 of 4 .* d .* 3 of 4"
    ):
        chosen(pairs, beside=[f"c={last}", f"d={lone}"])


def test_subsets_are_places_among_the_pairs_that_are_judged(pairs, tmp_path):
    folder = write_images(tmp_path / "a", *(f"{key}.png" for key in KEYS[1:]))
    found, keys = chosen(
        pairs,
        beside=f"a={folder}",
        subset=["citrus=startswith(image, 'citrus')", "all=True", "first=image_row == 0"],
    )
    by_name = {each.name: [keys[place] for place in each.places] for each in found.subsets}
    assert by_name == {"citrus": [*KEYS[2:]], "all": [*keys], "first": [KEYS[1]]}
    words = "subset none: none of the 4 pairs meets 'image_row == 9'"
    with pytest.raises(ConfigError, match=words):
        chosen(pairs, subset="none=image_row == 9")
    with pytest.raises(ConfigError, match=r"no column 'imagee' \(did you mean 'image'"):
        chosen(pairs, subset="x=imagee == 'a'")


def test_what_cannot_be_matched_or_read_is_one_sentence(pairs, tmp_path):
    sources = [("owl.jpg",), ("owl.jpg",), ("cat.jpg",), ("dog.jpg",)]

    def refused(folder: Path, words: str, name: str = "x") -> None:
        with pytest.raises(ConfigError, match=words):
            read_other(find_other(name, str(folder), KEYS, sources), KEYS[2:3], (16, 16))

    refused(
        write_images(tmp_path / "a", "owl.png"),
        r"owl\.png of .*a could be any of 2 pairs, such as 000000000 and 000000001: name",
    )
    refused(
        write_images(tmp_path / "b", "cat.png", "000000002.png"),
        r"two images of pair 000000002: 000000002\.png, cat\.png",
    )
    refused(write_images(tmp_path / "c", "cow.png"), "no image of the 4 pairs, such as cow.png")
    refused(write_images(tmp_path / "d"), "There are no images in .*d")
    refused(tmp_path / "none", "no such file, folder or glob")
    refused(
        write_images(tmp_path / "e", "cat.png", size=8),
        r"cat\.png of .*e is 8 x 8 px, the target of pair 000000002 is 16 x 16",
    )
    (write_images(tmp_path / "f") / "cat.png").write_bytes(b"no image")
    refused(tmp_path / "f", r"cat\.png of .*f cannot be read: no JPEG, PNG")
    refused(tmp_path / "a", "beside cannot call a row 'student': there is one", "student")
    for values, words in (
        ("folder", "beside must be NAME=VALUE, got 'folder'"),
        ("=folder", "beside must be NAME=VALUE, got '=folder'"),
        (["a=x", "a=y"], "beside holds the name 'a' twice"),
    ):
        with pytest.raises(ConfigError, match=words):
            EvalConfig(run="run", data="held", beside=values)


def test_pictures_keep_their_order(pairs, tmp_path):
    folder = write_images(tmp_path / "a", *(f"{key}.png" for key in reversed(KEYS)))
    other = find_other("a", str(folder), KEYS, [()] * 4)
    expected = [sum(f"{key}.png".encode()) % 256 for key in KEYS]
    assert np.array_equal(read_other(other, KEYS, (16, 16))[:, 0, 0, 0], expected)
