"""URLs with secrets: opened in full, named and recorded without, and never mixed up."""

from pathlib import Path

import fsspec
import pytest

from pairgen.errors import ConfigError
from pairgen.sources.image_files import find_images
from pairgen.sources.paths import name_of
from pairgen.sources.urls import addresses
from pairgen.sources.urls.addresses import address_of, recorded
from pairgen.sources.urls.path import UrlPath
from tests import web_server as web_server_module
from tests.s3_server import quiet
from tests.url_sources import png, sources, web
from tests.web_server import SECRET, WebServer, web_server

pytestmark = [*quiet]
__all__ = ["sources", "web"]


def test_two_urls_that_are_recorded_alike_are_refused(web: WebServer) -> None:
    with pytest.raises(ConfigError, match="both recorded as"):
        list(find_images([f"{web.url}/get.png?id=1", f"{web.url}/get.png?id=2"]))


def test_names_that_look_like_queries_are_not_mixed_up() -> None:
    files = fsspec.filesystem("memory")
    for number, name in enumerate(["a?1/p.png", "a?2/p.png"]):
        files.pipe_file(f"/odd/{name}", png(number))
    try:
        found = list(find_images(["memory://odd"]))
        assert [each.container for each in found] == [f"memory://odd/a?{n}/p.png" for n in (1, 2)]
        assert [each.read() for each in found] == [png(0), png(1)]
    finally:
        files.rm("/odd", recursive=True)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sftp://user:SECRET@host", "host"),
        ("ftp://user:SECRET@host/", "host"),
        ("s3://KEY:SEC/RET@bucket", "bucket"),
        ("s3://bucket/photos?token=SECRET", "photos"),
        ("s3://bucket/photos/", "photos"),
        ("https://host/a%20b.tar?sig=SECRET", "a b.tar"),
        ("abfs://container@account/x", "x"),
    ],
)
def test_the_name_of_a_url_holds_no_secret(url: str, name: str) -> None:
    assert name_of(url) == name


def test_a_query_is_sent_as_it_was_given(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    web.needs_secret = True
    monkeypatch.setattr(web_server_module, "SECRET", "X-Signature=a*b/c/")
    (file,) = find_images([f"{web.url}/photos/a.png?X-Signature=a*b/c/"])
    assert len(file.read()) == file.num_bytes


def test_a_source_without_images_is_named_without_its_secret(tmp_path: Path) -> None:
    (tmp_path / "it's.txt").write_text("")
    with web_server(tmp_path) as web, pytest.raises(ConfigError) as caught:
        list(find_images([f"{web.url}/it's.txt?{SECRET}"]))
    assert str(caught.value) == f"There are no images in {web.url}/it's.txt?***."


def test_a_cut_url_is_found_again_or_told_how_to_give_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_addresses", {})
    shown = recorded(UrlPath("https://host/a.tar?signature=hunter22"))
    assert shown == "https://host/a.tar?***"
    assert address_of(shown) == "https://host/a.tar?signature=hunter22"
    addresses._addresses.clear()
    with pytest.raises(ConfigError, match="run the command that made the set again, with the full"):
        address_of(shown)
    assert address_of("https://host/a.tar") == "https://host/a.tar"
