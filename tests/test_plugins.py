"""Families: the file is the registration."""

import sys
from contextvars import Context

import pytest

from pairgen import plugins
from pairgen.errors import ConfigError, UntrustedCodeError
from pairgen.trust import NO_TRUST, Trust, current_trust, named_by_user, trusting


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """Return an importable folder for a user's own modules."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "__init__.py").touch()
    with trusting(Trust(everything=True)):
        yield tmp_path / "own"
    for name in [name for name in sys.modules if name.split(".")[0] == "own"]:
        del sys.modules[name]


def test_a_file_in_the_folder_is_a_member():
    members = plugins.members("teachers")
    assert "gaussian" in members
    assert "base" not in members
    assert members == sorted(members)


def test_an_unknown_member_gets_a_suggestion():
    with pytest.raises(ConfigError, match=r"no teacher 'gausian' \(did you mean 'gaussian'\?\)"):
        plugins.load("teachers", "gausian")


def test_a_module_of_the_user_is_loaded_by_its_dotted_name(user_folder):
    (user_folder / "teacher.py").write_text("def build(*, scale): return scale\n")
    assert plugins.build("teachers", "own.teacher", scale=3) == 3


@pytest.mark.parametrize("name", ["own.missing", "absent.teacher"])
def test_a_missing_user_module_is_a_config_error(user_folder, name):
    with pytest.raises(ConfigError, match=f"There is no teacher '{name}'"):
        plugins.load("teachers", name)


def test_a_module_that_is_found_and_fails_says_why(user_folder):
    (user_folder / "needy.py").write_text("x = 1\nimport a_package_nobody_has\n")
    needy = user_folder / "needy.py"
    reason = (
        rf"'own\.needy' \({needy}\) was found, but importing it failed in its line 2 because "
        r"ModuleNotFoundError: No module named 'a_package_nobody_has'\."
    )
    with pytest.raises(ConfigError, match=reason):
        plugins.load("teachers", "own.needy")
    (user_folder / "broken.py").write_text("def build(:\n")
    with pytest.raises(ConfigError, match=r"'own\.broken' .* was found, but .* SyntaxError"):
        plugins.load("teachers", "own.broken")


def test_a_module_without_build_is_refused(user_folder):
    (user_folder / "empty.py").touch()
    with pytest.raises(ConfigError, match=r"'own\.empty' does not define build"):
        plugins.load("teachers", "own.empty")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"scale": 1, "colour": 2}, "colour"), ({}, "scale")],
)
def test_a_wrong_or_missing_option_is_named(user_folder, options, message):
    (user_folder / "teacher.py").write_text("def build(*, scale): return scale\n")
    with pytest.raises(ConfigError, match=f"'own.teacher' .*{message}"):
        plugins.build("teachers", "own.teacher", **options)


def test_an_error_inside_build_is_not_mistaken_for_a_wrong_option(user_folder):
    (user_folder / "teacher.py").write_text("def build(*, scale): return len(scale)\n")
    with pytest.raises(TypeError, match="has no len"):
        plugins.build("teachers", "own.teacher", scale=3)


def test_a_module_that_nobody_named_is_not_imported(user_folder):
    (user_folder / "teacher.py").write_text("raise RuntimeError('it ran')\n")

    def build(*named: str) -> None:
        with trusting(named_by_user(named, everything=False)):
            plugins.build("teachers", "own.teacher")

    # In a context of its own, which nobody has trusted anything in.
    for named in ((), ("own.other", "gaussian")):
        with pytest.raises(UntrustedCodeError, match=r"'own\.teacher' is outside pairgen"):
            Context().run(build, *named)
    with pytest.raises(ConfigError, match="RuntimeError: it ran"):
        Context().run(build, "own.teacher")


def test_trust_ends_where_it_was_given_and_adds_up():
    path = list(sys.path)

    def nested() -> None:
        with trusting(Trust(modules=frozenset({"a.b"}), folder="/nowhere")):
            assert sys.path == [*path, "/nowhere"]
            with trusting(Trust(modules=frozenset({"c.d"}))):
                assert current_trust().modules == {"a.b", "c.d"}
                assert sys.path.count("/nowhere") == 1
            assert current_trust().modules == {"a.b"}
        assert current_trust() == NO_TRUST
        # A folder of data is never searched for a command that trusts nothing.
        with trusting(Trust(folder="/nowhere")):
            assert sys.path == path

    Context().run(nested)
    assert sys.path == path


def test_what_a_class_of_options_takes_is_known_before_its_first_use():
    assert plugins.option_names("degradations", "jpeg") == ["quality", "whole_quality"]
    assert plugins.option_defaults("degradations", "jpeg") == {
        "quality": (30, 95),
        "whole_quality": True,
    }
    message = r"The degradation 'jpeg' has no option 'qualty' \(did you mean 'quality'\?\)"
    with pytest.raises(ConfigError, match=message):
        plugins.build("degradations", "jpeg", qualty=3)


@pytest.mark.parametrize("text", ["./gaussian.py", "./my-teacher.py", "random.py"])
def test_a_file_that_cannot_be_imported_by_its_name_is_refused(text):
    with pytest.raises(ConfigError, match="rename the file"):
        plugins.load("teachers", text)


def test_a_file_is_found_where_it_lies_and_nothing_else_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    for folder in (tmp_path, tmp_path / "one"):
        (folder / "own_file.py").write_text(f"def build(): return {folder.name!r}\n")
    file = tmp_path / "one/own_file.py"

    def build(file) -> str:
        with trusting(named_by_user((), False, {"own_file": file})):
            return plugins.build("teachers", "own_file")

    try:
        with pytest.raises(ConfigError, match=rf"There is no file {tmp_path}/no\.py"):
            Context().run(build, tmp_path / "no.py")
        assert Context().run(build, file) == "one"
        with pytest.raises(ConfigError, match=rf"'own_file', which is the name of {file}"):
            Context().run(build, tmp_path / "own_file.py")
        # Data names no code, also by a name without a dot.
        with pytest.raises(UntrustedCodeError, match="'own_file' is outside pairgen"):
            Context().run(plugins.build, "teachers", "own_file")
    finally:
        sys.modules.pop("own_file", None)


def test_a_method_of_two_words_may_be_named_with_a_hyphen():
    assert plugins.load("methods", "yonos-decoder") is plugins.load("methods", "yonos_decoder")
    assert plugins.module_name("methods", "yonos-decoder") == "yonos_decoder"
    # Only where the family shows it so: a preset of this name is none of the operations.
    assert plugins.module_name("degradations", "gaussian-noise") == "gaussian-noise"
    with pytest.raises(ConfigError, match=r"'latent_lpips' \(did you mean 'latent-lpips'\?\)"):
        plugins.load("methods", "latent_lpips")
