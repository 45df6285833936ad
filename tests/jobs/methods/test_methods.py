"""What methods state that they need, beside what datasets and their annotations have."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import pairgen
from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.jobs.methods.run import MethodNeeds, run_methods
from pairgen.jobs.methods.text import methods_text
from pairgen.jobs.train.run import run_train
from pairgen.methods.base import Needs
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.subsets import set_addresses
from pairgen.shards.overlays.adding import adding_command, making_command
from pairgen.shards.storage.store import open_store
from pairgen.training.data.needs import check_needs
from pairgen.training.data.offered import open_offered
from tests.annotated_sets import picture_plan, write_pictures
from tests.runs import run, run_many
from tests.small_sets import make_plan, overlay_plan, write_overlay, write_set

NEEDY, ENCODED = "tests.needy_method", "tests.encoded_method"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A set of pictures with captions."""
    return write_pictures(tmp_path / "photos")


def has(found: list[MethodNeeds], data: Path | str) -> dict[str, str]:
    return {need["need"]: need["has"][str(data)] for need in found[0].data["needs"]}


def one_line(found: list[MethodNeeds]) -> str:
    """Return the text of methods in one line: rows are wrapped."""
    return " ".join(methods_text(found).split())


def test_every_method_states_its_needs_and_how_a_set_gets_them() -> None:
    found = run_methods("", ())
    names = [each.data["method"] for each in found]
    assert sorted(names) == sorted([*plugins.members("methods"), "latent-lpips"])
    for name in plugins.members("methods"):
        module = plugins.load("methods", name)
        needs = module.NEEDS(module.OPTIONS()) if callable(module.NEEDS) else module.NEEDS
        assert isinstance(needs, Needs)
    for each in found:
        assert each.about
        assert all(need["commands"] for need in each.data["needs"]), each


def test_the_text_is_a_block_for_each_method_of_a_hundred_columns() -> None:
    text = methods_text(run_methods("", ()))
    assert all(len(line) <= 100 for line in text.splitlines())
    _, *blocks = text.split("\n\n")
    assert [block.partition("\n")[0] for block in blocks] == plugins.shown_names("methods")
    assert (
        "  txt                         The prompt.\n"
        "                              pairgen annotate DIR --add caption --model MODEL\n"
        "                              pairgen collect --captions FILE\n"
    ) in text


def test_a_method_is_named_with_hyphens_and_by_its_file() -> None:
    (hyphens,) = run_methods("yonos-decoder", ())
    (underscores,) = run_methods("yonos_decoder", ())
    assert hyphens.data == underscores.data and hyphens.data["method"] == "yonos_decoder"
    assert methods_text([underscores]).splitlines()[2] == "yonos-decoder"


def test_codi_tells_what_its_other_tasks_are_given() -> None:
    text = one_line(run_methods("codi", ()))
    assert "lr4.png What task=super-resolution is given; others: inpainting mask.png, canny" in text


def test_a_method_of_a_user_need_not_state_any() -> None:
    (found,) = run_methods("tests.training.two_players", ())
    assert json.loads(json.dumps(found.data))["needs"] is None
    first, *_, last = methods_text([found]).splitlines()
    assert (first, last) == ("tests.training.two_players", "  It does not state what it needs.")


def test_each_sub_set_of_a_folder_has_a_column(tmp_path: Path) -> None:
    folder = str(tmp_path / "bucketed")
    pairgen.collect(bucket=True, size=256, out=folder, executor="serial")
    found = run_methods("osediff", [folder])
    urls = set_addresses(folder)
    assert folder not in urls
    for url in urls:
        assert has(found, url)["lr4.png"] == ""
    assert all(f"{url}: no. Make another dataset:" in one_line(found) for url in urls)


def test_a_set_of_pairs_is_given_images_by_the_command_that_is_told(tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    pairgen.ode(model="tiny", steps=1, num_samples=2, out=str(out), executor="serial")
    (found,) = run_methods("osediff", [str(out)])
    command = f"pairgen degrade --from-ode {out} --overlay --scales 4"
    (column,) = found.columns
    assert [row.adding for row in column.rows][:2] == [(command,), (command,)]
    said, codes = run_many(tmp_path, command.split()[1:])
    assert codes == [0], said
    held = has(run_methods("osediff", [str(out)]), out)
    assert held["png or jpg or webp"] == held["lr4.png"] == "degraded"


def test_a_set_has_what_it_or_an_annotation_has(photos: Path, tmp_path: Path) -> None:
    assert has(run_methods(NEEDY, [str(photos)]), photos) == {
        "latent.npy or png": "set",
        "tag.txt or txt": "set",
        "canny.png": "",
        "own.npy": "",
        "sharpness": "",
    }
    pairgen.annotate(photos, add="canny,sharpness", executor="serial")
    found = has(run_methods(NEEDY, [str(photos)]), photos)
    assert (found["canny.png"], found["sharpness"]) == ("canny", "sharpness")
    # Noise that is stored as its seed can be read too; another set's overlay offers nothing.
    pairs = write_set(tmp_path / "pairs", make_plan(noise="seed"))
    write_overlay(tmp_path / "pairs.annotations/other", overlay_plan(make_plan(), seed=6))
    found = run_methods("regression", [pairs.url])
    assert set(has(found, pairs.url).values()) == {"set"}
    assert set(has(run_methods("regression", [str(photos)]), photos).values()) == {"", "set"}


def test_a_training_on_a_set_that_lacks_something_is_told_the_command(photos: Path) -> None:
    options = {"method": NEEDY, "data": str(photos), "model": "tiny", "steps": 1}
    options["out"] = str(photos.parent / "run")

    def refused() -> str:
        with pytest.raises(ConfigError) as caught:
            run_train(options)
        assert not Path(options["out"]).exists()
        return str(caught.value)

    command = f"pairgen annotate {photos} --add canny"
    assert refused() == (
        f"{NEEDY} needs canny.png, own.npy and sharpness, and {photos} has none of them; "
        f"`{command}` adds canny.png; `pairgen annotate {photos} --add sharpness` adds sharpness."
    )
    pairgen.annotate(photos, add="canny,sharpness", executor="serial")
    assert refused() == f"{NEEDY} needs own.npy, and {photos} has none."


def test_a_training_is_told_every_way_out(photos: Path) -> None:
    (photos_plan,) = open_offered([str(photos)], [read_plan(open_store(str(photos)))])
    members = {name: each for name, each in photos_plan.plan.members.items() if name != "txt"}
    bare = replace(photos_plan, url="set", plan=replace(photos_plan.plan, members=members))

    def refused(**options: str) -> str:
        with pytest.raises(ConfigError) as caught:
            check_needs("codi", options, [bare])
        return str(caught.value)

    caption = "`pairgen annotate set --add caption --model MODEL` adds"
    fixed = "`--set prompts=fixed` does without"
    assert refused() == f"codi needs txt, and set has none; {caption} it, or {fixed} it."
    assert refused(task="depth") == (
        "codi needs depth.png and txt, and set has none of them; `pairgen annotate set --add depth "
        f"--model MODEL` adds depth.png; {caption} txt, or {fixed} txt."
    )
    command = "`pairgen annotate set --add depth --model MODEL` adds it"
    without = refused(task="depth", prompts="fixed")
    assert without == f"codi needs depth.png, and set has none; {command}."
    # Pictures are needed twice, once with moments in their place.
    blank = replace(bare, plan=replace(bare.plan, members={"json": members["json"]}))
    with pytest.raises(ConfigError, match=r"^codi needs png or jpg or webp, lr4\.png and txt, and"):
        check_needs("codi", {}, [blank])


def test_what_a_set_cannot_have_is_not_said_to_be_added(photos: Path, tmp_path: Path) -> None:
    text = one_line(run_methods("regression", [str(photos)]))
    assert (
        f"a dataset of pairgen ode {photos}: no. `pairgen degrade` made it, and regression cannot "
        "learn from it. Make another dataset: pairgen ode noise.npy latent.npy txt_emb.npy" in text
    )
    # Without a text, nothing encodes one.
    plan = picture_plan()
    members = {name: each for name, each in plan.members.items() if name != "txt"}
    bare = write_pictures(tmp_path / "bare", replace(plan, members=members))
    caption = f"pairgen annotate {bare} --add caption --model MODEL"
    assert f"txt_emb.npy or txt The prompt. {bare}: no. Add it: {caption}" in one_line(
        run_methods("ladd", [str(bare)])
    )


def test_a_loader_is_told_the_command(photos: Path) -> None:
    command = f"pairgen annotate {photos} --add latent --set levels=lr4 --model MODEL"
    with pytest.raises(ConfigError, match=f"has no member 'lr4_latent.npy'.*; `{command}` adds it"):
        pairgen.Loader(photos, fields=["lr4_latent.npy"], batch_size=1)


def test_a_command_to_encode_names_the_model_and_runs_as_printed(photos: Path) -> None:
    folder = photos.rename(photos.with_name("my photos"))
    options = {"method": ENCODED, "data": str(folder), "model": "tiny", "steps": 1}
    with pytest.raises(ConfigError) as caught:
        run_train({**options, "out": str(folder.with_name("run"))})
    _, command, _, other, _ = str(caught.value).split("`")
    quoted = f"'{folder}'"
    assert command == f"pairgen annotate {quoted} --add latent --model tiny"
    assert other == f"pairgen annotate {quoted} --add text_embedding --model tiny"
    done = run(*shlex.split(command)[1:])
    assert done.returncode == 0, done.stderr


def test_a_set_with_a_teacher_needs_no_model_to_be_named(tmp_path: Path) -> None:
    pairs = write_set(tmp_path / "pairs", make_plan())
    command = f"pairgen annotate {pairs.url} --add text_embedding"
    with pytest.raises(ConfigError, match=f"`{command}` adds it"):
        pairgen.Loader(pairs.url, fields=["txt_emb.npy"], batch_size=1)
    assert "--model" not in methods_text(run_methods("regression", [pairs.url]))


def test_commands_name_annotators_that_there_are() -> None:
    names = ("txt_emb.npy", "latent.npy", "lr4_latent.npy", "moments.npy", "canny.png", "tag.txt")
    names += (
        "clip_score",
        "dino_cls.npy",
        "depth_low",
        "mask_share",
        "sharpness",
        "depth.png",
        "seg.png",
        "txt",
    )
    for name in names:
        _, _, folder, _, annotator, *_ = adding_command(name, "set").split()
        assert folder == "set" and annotator in plugins.members("annotators")
    assert (
        adding_command("own.npy") == making_command("own.npy") == adding_command("noise.npy") == ""
    )
    assert making_command("lr4.png") == "pairgen degrade --scales 4"
    assert making_command("txt", ("ode",)) == "pairgen ode"


def test_the_command(photos: Path) -> None:
    result = run("methods", NEEDY, "--data", str(photos))
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == NEEDY
    note = "png is encoded by the student's VAE."
    assert lines[2].split() == ["latent.npy", "or", "png", *note.split()]
    assert lines[3].split() == [f"{photos}:", "yes."]
    assert lines[5].split()[1:] == [f"{photos}:", "no.", "Add", "it:"]
    assert lines[6].split() == ["pairgen", "annotate", str(photos), "--add", "canny"]
    result = run("methods", "--data", str(photos.parent))
    assert result.returncode == 2 and "is not a dataset folder" in result.stderr
