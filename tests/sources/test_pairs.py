"""HR and LR are matched by name; what has no partner is told; nothing is lost."""

from pathlib import Path

import pytest

from pairgen.errors import ConfigError
from pairgen.sources.pairs import PairFolders, find_pair_folders, find_pairs
from tests.sources.test_image_files import picture, write


def found(hr: Path, lr: Path, scale: int = 4) -> tuple[dict[str, str], dict[str, str]]:
    """Return HR name to LR name, and the reasons of the others."""
    pairs = find_pairs(PairFolders(str(hr), str(lr)), scale)
    matched = {each.name: each.partner.name for each in pairs.files if each.partner}
    lone = [each for each in pairs.files if not each.partner]
    return matched, {each.name: pairs.reasons[each.container, each.place] for each in lone}


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("a.png", "a.jpg"),
        ("sub/a.png", "sub/a.png"),
        ("Canon_001_HR.png", "Canon_001_LR4.png"),
        ("Canon_001_HR.png", "Canon_001_LR.png"),
        ("sony_7_x4.png", "sony_7_x1.png"),
        ("0801.png", "0801x4.png"),
        # Equal names come first.
        ("b_x4.png", "b_x4.png"),
    ],
)
def test_names_that_match(tmp_path, hr, lr):
    write(tmp_path / "hr" / hr, picture(1))
    write(tmp_path / "lr" / lr, picture(2))
    assert found(tmp_path / "hr", tmp_path / "lr") == ({hr: lr}, {})


def test_images_without_a_partner_have_their_reason(tmp_path):
    for name in ("a.png", "b.png", "c_HR.png"):
        write(tmp_path / "hr" / name, picture(1))
    for name in ("a.png", "c_LR2.png", "d.png"):
        write(tmp_path / "lr" / name, picture(1))
    matched, lone = found(tmp_path / "hr", tmp_path / "lr")
    assert matched == {"a.png": "a.png"}
    assert lone == {
        "b.png": "no LR image of its name",
        "c_HR.png": "no LR image of its name",
        "c_LR2.png": "no HR image of its name",
        "d.png": "no HR image of its name",
    }


def test_both_may_lie_in_one_folder(tmp_path):
    for name in ("a_HR.png", "a_LR2.png", "a_LR4.png", "b_HR.png", "b_LR4.png"):
        write(tmp_path / name, picture(1))
    matched, lone = found(tmp_path, tmp_path)
    assert matched == {"a_HR.png": "a_LR4.png", "b_HR.png": "b_LR4.png"}
    assert lone == {"a_LR2.png": "no HR image of its name"}


def test_no_lr_image_belongs_to_two(tmp_path):
    for name in ("a.png", "a.jpg"):
        write(tmp_path / "hr" / name, picture(1))
    write(tmp_path / "lr/a.png", picture(1))
    matched, lone = found(tmp_path / "hr", tmp_path / "lr")
    assert len(matched) == len(lone) == 1


def test_usual_folders_are_found_with_their_tags(tmp_path):
    for name in ("gt/1.png", "lr/1.png", "sr_bicubic/1.png", "gt/2.png", "lr/2.png"):
        write(tmp_path / name, picture(1))
    write(tmp_path / "tag/1.txt", "a dog, grass\n")
    folders = find_pair_folders(str(tmp_path), 4)
    assert [Path(each).name for each in (folders.hr, folders.lr, folders.tags)] == [
        "gt",
        "lr",
        "tag",
    ]
    assert [each.tag for each in find_pairs(folders, 4).files] == ["a dog, grass", ""]
    assert Path(find_pair_folders(str(tmp_path), 1).lr).name == "sr_bicubic"
    for name in ("test_HR/1.png", "test_LR/1.png"):
        write(tmp_path / "stable" / name, picture(1))
    folders = find_pair_folders(str(tmp_path / "stable"), 4)
    assert (Path(folders.hr).name, Path(folders.lr).name, folders.tags) == (
        "test_HR",
        "test_LR",
        "",
    )


def test_a_folder_of_no_pairs_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="no folder of HR, test_HR or gt"):
        find_pair_folders(str(tmp_path), 4)
    write(tmp_path / "gt/1.png", picture(1))
    write(tmp_path / "sr_bicubic/1.png", picture(1))
    with pytest.raises(ConfigError, match=r"no folder of LR.*sr_bicubic.*--scale 1"):
        find_pair_folders(str(tmp_path), 4)
