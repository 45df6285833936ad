"""What `--model` means."""

from pathlib import Path

import pytest

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.model_config import RunDefaults, find_model, license_of, model_names

NUMBERS = "dtype: float32\nbatch_size: 2\nsamples_per_shard: 8\n"


def write_model(folder: Path, content: str, name: str = "mine.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(content)
    return path


@pytest.mark.parametrize("name", model_names())
def test_every_packaged_model_is_complete(name):
    model = find_model(name)
    assert model.name == name
    assert model.teacher in plugins.members("teachers")
    assert model.defaults is not None
    assert model.defaults.batch_size >= 1
    assert model.defaults.samples_per_shard >= model.defaults.batch_size


def test_gaussian_is_a_packaged_name():
    model = find_model("gaussian")
    assert (model.teacher, model.location) == ("gaussian", "")
    assert model.defaults == RunDefaults(dtype="float32", batch_size=16, samples_per_shard=64)


def test_an_empty_model_is_no_folder():
    with pytest.raises(ConfigError, match="model must not be empty: give one of gaussian"):
        find_model("")


def test_a_model_names_the_packaged_prompts_that_suit_it(tmp_path):
    assert (find_model("tiny").prompts, find_model("sd15").prompts) == ("tiny", "everyday")
    path = write_model(tmp_path, "teacher: gaussian\nprompts: tinny\n" + NUMBERS)
    with pytest.raises(ConfigError, match=r"prompts in .* must be one of everyday, tiny, got"):
        find_model(str(path))


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(ConfigError, match=r"no model 'gausian' \(did you mean 'gaussian'\?\)"):
        find_model("gausian")


@pytest.mark.parametrize("model", ["./absent", "/absent/model", "~/absent", "a/b/c"])
def test_a_missing_folder_is_not_taken_for_a_hub_id(model):
    with pytest.raises(ConfigError, match="There is no model"):
        find_model(model)


def test_a_yaml_file_is_a_model(tmp_path):
    path = write_model(tmp_path, "teacher: own.teacher\noptions: {size: 3}\n" + NUMBERS)
    model = find_model(str(path))
    assert (model.name, model.teacher, model.location) == ("mine", "own.teacher", "")
    assert model.options == {"size": 3}


def test_a_missing_yaml_file_is_named():
    with pytest.raises(ConfigError, match=r"absent\.yaml cannot be read"):
        find_model("absent.yaml")


def test_the_users_config_folder_comes_before_the_packaged_one(tmp_path, monkeypatch):
    write_model(tmp_path / "configs/models", "teacher: own.teacher\n" + NUMBERS, "gaussian.yaml")
    monkeypatch.chdir(tmp_path)
    assert find_model("gaussian").teacher == "own.teacher"


def test_a_folder_is_a_model_without_defaults(tmp_path):
    folder = tmp_path / "My-Model"
    folder.mkdir()
    model = find_model(str(folder))
    assert (model.name, model.teacher) == ("my-model", "latent_diffusion")
    assert model.location == str(folder.resolve())
    assert model.defaults is None


def test_owner_slash_name_is_a_hub_id():
    model = find_model("owner/Some-Model")
    assert (model.name, model.location) == ("some-model", "owner/Some-Model")
    assert model.defaults is None


def test_a_student_says_what_guidance_it_has_learned(tmp_path):
    section = "teacher: gaussian\nstudent: {guidance_scales: %s, told: %s}\n" + NUMBERS
    student = find_model(str(write_model(tmp_path, section % ("[8, 2]", "true")))).student
    assert (student.guidance_scales, student.told) == ((2.0, 8.0), True)
    for scales, told, message in (
        ("[8]", "3", "student.told in .* must be true or false"),
        ("[]", "true", "must be one scale, or several"),
        ("[2, 8]", "false", "must be one scale, or several"),
        ("[x]", "true", "student.guidance_scales in .* must be a number"),
    ):
        with pytest.raises(ConfigError, match=message):
            find_model(str(write_model(tmp_path, section % (scales, told))))


def test_an_unfinished_training_is_no_model_yet(tmp_path):
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match="without a student yet: finish it with --resume"):
        find_model(str(tmp_path))


def test_an_unknown_key_gets_a_suggestion(tmp_path):
    path = write_model(tmp_path, "teacher: gaussian\nbatchsize: 4\n" + NUMBERS)
    with pytest.raises(ConfigError, match=r"'batchsize' in .*mine\.yaml.*'batch_size'"):
        find_model(str(path))


def test_missing_keys_are_named_together(tmp_path):
    path = write_model(tmp_path, "location: somewhere\ndtype: float32\n")
    with pytest.raises(ConfigError, match="lacks teacher, batch_size, samples_per_shard"):
        find_model(str(path))


def test_a_location_beside_the_config_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    path = write_model(tmp_path, "teacher: gaussian\nlocation: weights\n" + NUMBERS)
    monkeypatch.chdir(tmp_path.parent)
    assert find_model(str(path)).location == str((tmp_path / "weights").resolve())


def test_a_location_in_the_package_is_kept_as_it_is_written(tmp_path):
    path = write_model(tmp_path, "teacher: gaussian\nlocation: package:assets/x\n" + NUMBERS)
    assert find_model(str(path)).location == "package:assets/x"


def test_a_location_that_is_no_folder_is_a_hub_id(tmp_path):
    path = write_model(tmp_path, "teacher: gaussian\nlocation: owner/name\n" + NUMBERS)
    assert find_model(str(path)).location == "owner/name"


def test_the_licenses_of_packaged_models_are_found_by_their_weights():
    assert license_of("stable-diffusion-v1-5/stable-diffusion-v1-5") == "creativeml-openrail-m"
    assert license_of(find_model("tiny").location) == "apache-2.0"
    assert license_of("somebody/else") == ""
    # Without weights there is none.
    assert [find_model(name).license for name in model_names()].count("") == 1


def test_a_model_of_the_user_hides_no_license(tmp_path, monkeypatch):
    folder = tmp_path / "configs/models"
    folder.mkdir(parents=True)
    (folder / "sd15.yaml").write_text("not: a model\n")
    monkeypatch.chdir(tmp_path)
    assert license_of("stable-diffusion-v1-5/stable-diffusion-v1-5") == "creativeml-openrail-m"
