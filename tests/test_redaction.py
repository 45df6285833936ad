"""Secrets are cut out of URLs, and nothing else is."""

import pytest

from pairgen.errors import ConfigError, StoreError
from pairgen.redaction import (
    is_cut,
    listed_without_secrets,
    url_without_secrets,
    without_secrets,
    without_secrets_in,
    without_secrets_of,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://KEY:SECRET@bucket/set", "s3://***@bucket/set"),
        # Secret keys of S3 hold slashes and plus signs; passwords may hold an @.
        ("s3://KEY:SE/C+RET@bucket/set", "s3://***@bucket/set"),
        ("s3://KEY:SE@CRET@bucket/set", "s3://***@bucket/set"),
        ("https://TOKEN@host/set", "https://***@host/set"),
        ("https://host/x.tar?X-Amz-Signature=SECRET&a=b", "https://host/x.tar?***"),
        ("https://K:S@host/x?sig=SECRET", "https://***@host/x?***"),
        ("simplecache::s3://K:S@b/x", "simplecache::s3://***@b/x"),
        ("S3://K:S@b/x", "S3://***@b/x"),
        # pathlib takes a slash away.
        ("vault:/K:S@b/x?token=T", "vault:/***@b/x?***"),
        ("data: ['s3://K:S@b/x', \"s3://K:S@c/y?t=T\"]", "data: ['s3://***@b/x', \"s3://***@c/y?***\"]"),
        ("run `pairgen repair s3://K:S@b/x?t=T`.", "run `pairgen repair s3://***@b/x?***`."),
        ("s3://b/x?t=T: it is not there", "s3://b/x?***: it is not there"),
        ("sftp://user:password@host/x", "sftp://***@host/x"),
        ("s3://KEY:pa@SEC/RET@b/x", "s3://***@b/x"),
        ("s3:///KEY:SECRET@b/x", "s3:///***@b/x"),
        (r"s3:\/\/KEY:SECRET@b/x", r"s3:\/\/***@b/x"),
        ("https://h/x?sig=a'SECRET", "https://h/x?***"),
        ("https://h/x#access_token=SECRET, more", "https://h/x?***, more"),
    ],
)  # fmt: skip
def test_secrets_are_cut_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/a@b/set",
        "memory://set",
        "http://localhost:8080/x",
        "ray://10.0.0.1:10001",
        "hf://datasets/user/repo@main/set",
        "abfs://container@account.dfs.core.windows.net/set",
        "sftp://user@host/set",
        "/data/what?/a@b: c",
        "a photo of a cat: 3 @ 5? yes",
        "train/00000.tar of /data/pairs has 3 bytes, its receipt says 5",
        "",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert without_secrets(text) == text
    assert not is_cut(text)


def test_plain_data_is_cut_all_the_way_down() -> None:
    data = {"data": ("s3://K:S@b/x",), "n": 3, "nested": [{"url": "s3://K:S@b/x"}, None, 1.5]}
    assert without_secrets_in(data) == {
        "data": ("s3://***@b/x",),
        "n": 3,
        "nested": [{"url": "s3://***@b/x"}, None, 1.5],
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://KEY:it's \"a` <SECRET>@b/x", "s3://***@b/x"),
        ("https://h/x?a='SECRET b'#c", "https://h/x?***"),
        ("https://h/x#token=SECRET", "https://h/x?***"),
        ("simplecache::s3://K:S@b/x?t=T", "simplecache::s3://***@b/x?***"),
        ("s3://bucket/a@b/x#1", "s3://bucket/a@b/x#1"),
        ("abfs://container@account/x", "abfs://container@account/x"),
        ("memory://x", "memory://x"),
        ("/data/a:b@c", "/data/a:b@c"),
        ("a cat: 3 @ 5?", "a cat: 3 @ 5?"),
    ],
)
def test_a_text_that_is_one_url_is_cut_whatever_its_parts_hold(url: str, shown: str) -> None:
    assert url_without_secrets(url) == shown
    assert without_secrets_in({"data": [url]}) == {"data": [shown]}


def test_what_a_client_says_of_a_secret_alone_is_cut_too() -> None:
    url = "s3://AKIAKEY:SE%2FCRET@b/x?token=T0KEN"
    said = "InvalidAccessKeyId: AKIAKEY, signed with SE/CRET (SE%2FCRET), T0KEN expired"
    assert without_secrets_of(url, said) == (
        "InvalidAccessKeyId: ***, signed with *** (***), *** expired"
    )


def test_a_url_that_was_cut_is_known() -> None:
    assert is_cut(without_secrets("s3://K:S@b/x"))
    assert is_cut(without_secrets("https://b/x?t=T"))
    assert not is_cut("s3://b/x")


def test_no_error_repeats_a_secret() -> None:
    for kind in (ConfigError, StoreError):
        error = kind("s3://K:SECRET@b/x cannot be read")
        assert str(error) == "s3://***@b/x cannot be read"
        assert "SECRET" not in repr(error)


def test_a_listed_url_is_cut_whatever_it_contains() -> None:
    values = ["photos", "https://host/it's.tar?sig=SECRET", "https://host/my a.tar?sig=SECRET"]
    values += ["s3://KEY:SEC RET@bucket/x"]
    told = "photos, https://host/it's.tar?***, https://host/my a.tar?***, s3://***@bucket/x"
    assert listed_without_secrets(values) == told
