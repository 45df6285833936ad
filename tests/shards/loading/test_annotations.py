"""Overlays in `DIR.annotations` are opened when something of theirs is asked for, and only then."""

import shutil
from pathlib import Path

import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.annotations import find_annotations, overlay_address
from pairgen.shards.storage.local_store import LocalStore
from tests.small_sets import make_plan, overlay_plan, write_overlay, write_set


@pytest.fixture
def parent(tmp_path: Path) -> LocalStore:
    """A set, whose annotations lack sample 3 (scores) and sample 5 (tags)."""
    store = write_set(tmp_path / "set", make_plan(12, 4))
    plan, folder = read_plan(store), tmp_path / "set.annotations"
    score = {"dtype": "float32", "shape": [2]}
    members = {"json": {"keys": ["index", "points", "seed"]}, "score.npy": score}
    write_overlay(folder / "scores", overlay_plan(plan, members=members), missing=[3], parent=store)
    members = {"json": {"keys": ["index", "seed"]}, "tag.txt": {}}
    write_overlay(folder / "tags", overlay_plan(plan, members=members), missing=[5], parent=store)
    return store


def taken(parent: LocalStore | pairgen.TrainingSet, **options: object) -> list[int]:
    data = parent if isinstance(parent, pairgen.TrainingSet) else parent.url
    loader = pairgen.Loader(data, batch_size=1, **options)
    return sorted(int(batch.indices) for batch in loader)


def test_only_what_is_asked_for_is_opened(parent: LocalStore) -> None:
    every = list(range(12))
    assert taken(parent, fields=["latent.npy"]) == every
    assert taken(parent, fields=["latent.npy", "score.npy"]) == [i for i in every if i != 3]
    assert taken(parent, fields=["latent.npy", "tag.txt"]) == [i for i in every if i != 5]
    both = [i for i in every if i not in (3, 5)]
    assert taken(parent, fields=["score.npy", "tag.txt"]) == both
    assert taken(parent, fields=["latent.npy"], facts=["points"]) == [i for i in every if i != 3]
    with_points = [i for i in every if i % 5 > 2 and i != 3]
    assert taken(parent, fields=["latent.npy"], where="points > 2") == with_points


def test_nothing_is_looked_for_when_the_set_has_all(parent: LocalStore, tmp_path: Path) -> None:
    # A link that leads nowhere cannot be read: whoever looked would fail.
    shutil.rmtree(tmp_path / "set.annotations")
    (tmp_path / "set.annotations").symlink_to(tmp_path / "nowhere")
    assert len(taken(parent, fields=["latent.npy", "txt"], facts=["seed"])) == 12
    with pytest.raises(FileNotFoundError):
        taken(parent, fields=["score.npy"])


def test_a_noise_that_is_drawn_again_is_not_looked_for(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", make_plan(12, 4, noise="seed"))
    (tmp_path / "set.annotations").symlink_to(tmp_path / "nowhere")
    assert len(taken(store, fields=["noise.npy"])) == 12


def test_an_unknown_member_is_refused_as_before(parent: LocalStore) -> None:
    with pytest.raises(ConfigError, match=r"has no member 'scor\.npy'"):
        taken(parent, fields=["scor.npy"])


def test_a_named_overlay_comes_first(parent: LocalStore, tmp_path: Path) -> None:
    plan = read_plan(parent)
    named = write_overlay(tmp_path / "named", overlay_plan(plan), missing=[7], parent=parent)
    data = pairgen.TrainingSet(parent.url, overlays=[named])
    assert taken(data, fields=["score.npy"]) == [i for i in range(12) if i != 7]


def test_an_annotation_may_be_named_too(parent: LocalStore) -> None:
    url = overlay_address(parent.url, "scores")
    data = pairgen.TrainingSet(parent.url, overlays=[url])
    assert taken(data, fields=["score.npy", "tag.txt"]) == [i for i in range(12) if i not in (3, 5)]


def test_two_with_the_same_member_are_refused(parent: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "set.annotations"
    shutil.copytree(folder / "scores", folder / "more")
    with pytest.raises(ConfigError, match=r"'points' is in .*/more and in .*/scores: name one"):
        taken(parent, fields=["latent.npy"], where="points > 2")
    assert len(taken(parent, fields=["tag.txt"])) == 11


def test_that_of_another_set_is_refused(parent: LocalStore, tmp_path: Path) -> None:
    other = write_set(tmp_path / "other", make_plan(12, 4, recipe={"steps": 9}))
    shutil.copytree(tmp_path / "set.annotations", tmp_path / "other.annotations")
    with pytest.raises(ConfigError, match="is an overlay of the dataset"):
        taken(other, fields=["score.npy"])


def test_a_training_goes_on_with_them(parent: LocalStore) -> None:
    loader = pairgen.Loader(parent.url, fields=["score.npy"], batch_size=2)
    first = next(iter(loader)).indices.tolist()
    state = loader.state()
    again = pairgen.Loader(parent.url, fields=["score.npy"], batch_size=2, state=state)
    rest = [i for batch in again for i in batch.indices.tolist()]
    assert not set(first) & set(rest)
    with pytest.raises(ConfigError):
        pairgen.Loader(parent.url, fields=["latent.npy"], batch_size=2, state=state)


def test_what_is_no_overlay_is_passed_over(parent: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "set.annotations/notes").mkdir()
    (tmp_path / "set.annotations/file").write_text("a note")
    assert [store.url.rpartition("/")[2] for store in find_annotations(parent)] == [
        "scores",
        "tags",
    ]


def test_secrets_of_a_url_stay_behind_its_path() -> None:
    assert overlay_address("/a/b?c", "x") == "/a/b?c.annotations/x"
    assert overlay_address("s3://a/b/?token=t", "x") == "s3://a/b.annotations/x?token=t"
    assert overlay_address("s3://k:s@a/b", "x") == "s3://k:s@a/b.annotations/x"
