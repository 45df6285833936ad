"""What the images of a set are called below them."""

from pairgen.kinds.about import image_label


def test_images_are_called_by_what_they_show() -> None:
    members = ("png", "lr2.png", "lr5.png", "canny.png")
    assert [image_label(each, members) for each in members] == [
        *("HR", "LR 1/2", "LR 1/5", "edges (canny)")
    ]
    assert image_label("webp", ("webp", "txt")) == "image"
    assert image_label("lr1.png", ("png", "lr1.png")) == "LR, enlarged"
    assert image_label("mine.png", members) == "mine.png"
