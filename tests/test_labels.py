"""A label means one class or is refused; nothing is guessed."""

import pytest

from pairgen.errors import ConfigError
from pairgen.labels import ClassLabels

ANIMALS = ClassLabels(num_classes=5, names=("cat", "crane", "golden retriever", "crane"))


def test_a_label_is_a_name_or_a_number() -> None:
    assert [ANIMALS.class_of(label) for label in ("cat", "golden retriever", "3", "4")] == [
        0,
        2,
        3,
        4,
    ]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("golden retreiver", r"a name \(did you mean 'golden retriever'\?\)\."),
        ("5", r"'5' is no class label: it must be a number in 0\.\.4 or a name"),
        ("-1", "no class label"),
        ("01", "no class label"),
        ("³", "no class label"),
        ("", "no class label"),
        ("crane", "The classes 1 and 3 are called 'crane': give a number"),
        ("x" * 500, "xxx...' is no class label"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(label: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ANIMALS.class_of(label)
    assert ANIMALS.refuse(["cat", label, "4"])[::2] == [None, None]
    assert ANIMALS.refuse([label])[0]


def test_names_may_be_their_own_numbers_only() -> None:
    assert ClassLabels(num_classes=2, names=("0", "1")).class_of("1") == 1
    with pytest.raises(ConfigError, match="The name of class 0 is the number of another: '1'"):
        ClassLabels(num_classes=2, names=("1", "0"))


def test_labels_go_through_plain_data() -> None:
    assert ClassLabels.from_dict(ANIMALS.to_dict()) == ANIMALS
