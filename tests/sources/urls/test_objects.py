"""Objects behind URLs are asked for, and what goes wrong is told."""

import socket

import pytest

from pairgen import filesystems, retry
from pairgen.errors import ConfigError, StoreError
from pairgen.sources.urls.objects import find_entry, read_range
from tests.s3_server import quiet

pytestmark = [*quiet]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "PAUSES", ())


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "WEB_SILENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.png"
        with pytest.raises(StoreError, match=r"a\.png cannot be read: SocketTimeoutError: Time"):
            find_entry(url)
        with pytest.raises(StoreError, match=r"a\.png cannot be read: SocketTimeoutError: Time"):
            read_range(url, 0, 5, 5)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:99999/a.png", "Port out of range"),
        ("s3://KEY:hunter22@bucket/a.png", "Invalid bucket name"),
        ("reference://a", "missing 1 required positional argument"),
    ],
)
def test_what_no_store_can_have_is_wrong_input(
    url: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with pytest.raises(ConfigError, match=told) as caught:
        find_entry(url)
    assert "hunter22" not in str(caught.value) and len(str(caught.value)) < 400
